"""Clients in a storm: each is a thread with one kept-alive connection; a tally counts the answers that they get."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPSConnection
from typing import NamedTuple

from tests.e2e.story import LATE
from tests.stress.wire import FAULTS, Object, Server

CREATED, REFUSED, EXISTS, CONFLICT = "created", "refused", "exists", "conflict"
CANNOT_TELL, FAILED, NO_ANSWER, DELETED, GONE = "cannot tell", "failed", "no answer", "deleted", "gone"
TOO_LATE = "too late"  # cannot tell, because bookings took seconds
BUSINESS_AS_USUAL = {CREATED, REFUSED, DELETED}
OFTEN = 0.1  # of all answers: a machine that is slow for a moment

WEBHOOK = "pods.headroom.internal"
TEXTS = 5  # texts kept of each outcome; more would add nothing
PAUSE_SECONDS = 0.05  # the pause after a call without an answer


class Told(NamedTuple):
    """One answer: its outcome, its text, when it came, and how long it took (seconds of a monotonic clock)."""

    outcome: str
    text: str
    at: float
    took: float = 0.0


class Tally:
    """The answers that all clients of one storm got; any thread may add one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: list[Told] = []

    def add(self, told: Told) -> None:
        """Count an answer."""
        with self._lock:
            self._told.append(told)

    def __getitem__(self, outcome: str) -> int:
        return self.outcomes()[outcome]

    def __iter__(self) -> Iterator[Told]:
        with self._lock:
            return iter(list(self._told))

    def outcomes(self, since: float = float("-inf"), until: float = float("inf")) -> Counter[str]:
        """Count each outcome between two moments."""
        return Counter(told.outcome for told in self if since <= told.at < until)

    def unusual(self, *, slow: bool = False) -> dict[str, list[str]]:
        """Return some texts of each outcome that no client should get, or not often, while nothing is broken.

        On a machine that is `slow`, answers may often come too late.
        """
        texts: dict[str, list[str]] = {}
        outcomes = self.outcomes()
        seldom = {TOO_LATE} if slow or outcomes[TOO_LATE] <= OFTEN * outcomes.total() else set()
        for each in self:
            if each.outcome not in BUSINESS_AS_USUAL | seldom:
                kept = texts.setdefault(each.outcome, [])
                if len(kept) < TEXTS:
                    kept.append(each.text)
        return texts

    def timeouts(self) -> list[str]:
        """Return the texts of answers where the API server gave up waiting for Headroom."""
        return [told.text for told in self if WEBHOOK in told.text and "context deadline exceeded" in told.text]

    def latest(self) -> float:
        """Return the most seconds that a client waited for an answer of Headroom."""
        answers = {CREATED, REFUSED, CANNOT_TELL, TOO_LATE}
        return max((told.took for told in self if told.outcome in answers), default=0.0)

    def __str__(self) -> str:
        return ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes().items()))


class Client:
    """Creates and deletes pods of one namespace, one at a time."""

    def __init__(self, server: Server, namespace: str, tally: Tally) -> None:
        self._server = server
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._tally = tally
        self._connection: HTTPSConnection | None = None

    def connect(self) -> None:
        """Connect now instead of with the first request."""
        if self._connection is None:
            self._connection = self._server.connect()
            self._connection.connect()

    def create(self, pod: Object) -> str:
        """Create a pod; return the outcome."""
        return self._do("POST", self._path, json.dumps(pod), CREATED)

    def insist(self, pod: Object) -> str:
        """Create a pod, and try again where the answer is that it comes too late; return the outcome."""
        while (outcome := self.create(pod)) == TOO_LATE:
            time.sleep(PAUSE_SECONDS)
        return outcome

    def delete(self, name: str) -> str:
        """Delete a pod that no kubelet runs; return the outcome."""
        return self._do("DELETE", f"{self._path}/{name}?gracePeriodSeconds=0", None, DELETED)

    def patch(self, name: str, body: Object, done: str) -> str:
        """Patch a pod or a subresource of it; return the outcome, which is `done` if that succeeded."""
        return self._do("PATCH", f"{self._path}/{name}", json.dumps(body), done)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _do(self, method: str, path: str, body: str | None, done: str) -> str:
        if self._connection is None:
            self._connection = self._server.connect()
        began = time.monotonic()
        try:
            self._connection.request(method, path, body, headers=self._server.headers)
            answer = self._connection.getresponse()
            text = answer.read().decode(errors="replace")
        except FAULTS as error:
            self.close()
            self._tally.add(Told(NO_ANSWER, repr(error), time.monotonic()))
            time.sleep(PAUSE_SECONDS)
            return NO_ANSWER
        outcome = done if answer.status < 300 else _outcome(answer.status, text)
        now = time.monotonic()
        self._tally.add(Told(outcome, "" if outcome == done else text, now, now - began))
        return outcome


def _outcome(status: int, text: str) -> str:
    """Return the outcome that a Status object means for the client."""
    reason = json.loads(text).get("reason", "") if text.startswith("{") else ""
    if status == 404:
        return GONE
    if status == 409:
        return EXISTS if reason == "AlreadyExists" else CONFLICT
    if "AccountUnavailable" in text:
        return TOO_LATE if LATE in text else CANNOT_TELL
    return REFUSED if status == 403 else f"{FAILED} {status}"


@contextmanager
def crowd(
    server: Server, namespace: str, tally: Tally, count: int
) -> Iterator[Callable[[Callable[[Client, int], None]], None]]:
    """Yield a function that runs a given function with `count` clients at once, and returns once all have ended."""
    clients = [Client(server, namespace, tally) for _ in range(count)]

    def run(work: Callable[[Client, int], None]) -> None:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(work, clients, range(count)))

    try:
        yield run
    finally:
        for client in clients:
            client.close()


@contextmanager
def dry_runs(server: Server, namespace: str, tally: Tally, count: int) -> Iterator[None]:
    """Have `count` clients create pods as a dry run, as fast as they are answered, while the `with` block runs."""
    ended = threading.Event()

    def create(number: int) -> None:
        client = Client(server, namespace, tally)
        client._path += "?dryRun=All"
        while not ended.is_set():
            client.create(pod(f"dry-{number}", 1 << 20))
        client.close()

    threads = [threading.Thread(target=create, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)


def pod(name: str, size: int) -> Object:
    """Make a pod with `size` bytes (whole Ki) as request and limit; no scheduler places it and no kubelet runs it."""
    memory = {"memory": f"{size // 1024}Ki"}
    resources = {"requests": memory, "limits": memory}
    spec = {"schedulerName": "nobody", "containers": [{"name": "main", "image": "none", "resources": resources}]}
    return {"metadata": {"name": name}, "spec": spec}
