"""Clients in a storm: each a thread with one connection that is kept alive; what they were told is counted."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPSConnection
from typing import NamedTuple

from tests.stress.wire import FAULTS, Object, Server

CREATED, REFUSED, EXISTS, CONFLICT = "created", "refused", "exists", "conflict"
CANNOT_TELL, FAILED, NO_ANSWER, DELETED, GONE = "cannot tell", "failed", "no answer", "deleted", "gone"
BUSINESS_AS_USUAL = {CREATED, REFUSED, DELETED}

TEXTS = 5  # kept of each outcome: more say nothing new
PAUSE_SECONDS = 0.05  # after no answer, as any client has


class Told(NamedTuple):
    """One answer: what it amounts to, what was said, when it came and after how long (seconds of a monotonic clock)."""

    outcome: str
    text: str
    at: float
    took: float = 0.0


class Tally:
    """What all clients of one storm were told; any thread may add."""

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
        """How often each outcome came between two moments."""
        return Counter(told.outcome for told in self if since <= told.at < until)

    def unusual(self) -> dict[str, list[str]]:
        """Some texts of each outcome that no client should see while nothing is broken."""
        texts: dict[str, list[str]] = {}
        for each in self:
            if each.outcome not in BUSINESS_AS_USUAL:
                kept = texts.setdefault(each.outcome, [])
                if len(kept) < TEXTS:
                    kept.append(each.text)
        return texts

    def timeouts(self) -> list[str]:
        """What those were told for whom the API server has given up waiting for Headroom."""
        return [told.text for told in self if "context deadline exceeded" in told.text]

    def latest(self) -> float:
        """The most seconds for which anybody waited for an answer of Headroom."""
        return max((told.took for told in self if told.outcome in {CREATED, REFUSED, CANNOT_TELL}), default=0.0)

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
        """Connect now, and not with the first request."""
        if self._connection is None:
            self._connection = self._server.connect()
            self._connection.connect()

    def create(self, pod: Object) -> str:
        """Create a pod; return the outcome."""
        return self._do("POST", self._path, json.dumps(pod), CREATED)

    def delete(self, name: str) -> str:
        """Delete a pod that nobody runs; return the outcome."""
        return self._do("DELETE", f"{self._path}/{name}?gracePeriodSeconds=0", None, DELETED)

    def close(self) -> None:
        """Hang up."""
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
    """What a Status object amounts to for whoever is told it."""
    reason = json.loads(text).get("reason", "") if text.startswith("{") else ""
    if status == 404:
        return GONE
    if status == 409:
        return EXISTS if reason == "AlreadyExists" else CONFLICT
    if "AccountUnavailable" in text:
        return CANNOT_TELL
    return REFUSED if status == 403 else f"{FAILED} {status}"


@contextmanager
def crowd(
    server: Server, namespace: str, tally: Tally, count: int
) -> Iterator[Callable[[Callable[[Client, int], None]], None]]:
    """Give what runs one function with `count` clients at once, and returns once all have ended."""
    clients = [Client(server, namespace, tally) for _ in range(count)]

    def run(work: Callable[[Client, int], None]) -> None:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(work, clients, range(count)))

    try:
        yield run
    finally:
        for client in clients:
            client.close()


def pod(name: str, size: int) -> Object:
    """A pod that asks for so many bytes (whole Ki), requests and limits alike, and that nobody places or runs."""
    memory = {"memory": f"{size // 1024}Ki"}
    resources = {"requests": memory, "limits": memory}
    spec = {"schedulerName": "nobody", "containers": [{"name": "main", "image": "none", "resources": resources}]}
    return {"metadata": {"name": name}, "spec": spec}
