"""The witness: finds what pods hold at every single revision, by its own watch and its own arithmetic.

    consistent list ──► one watch ──► after each event: the sum ──► maximum, median, what was over
                          │ it broke (the API server was restarted)
                          └──► the state at each revision that was missed, by exact lists ──► a new watch

It shares no code with `webhook/`, because it must not rely on the code that it checks. It knows only plain containers
and whole Ki, Mi and Gi, which is all that storms use.
"""

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from types import TracebackType
from typing import Self

from tests.stress.evidence import Evidence, Moment
from tests.stress.wire import FAULTS, Object, Server

PODS = "/api/v1/pods"
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
ENDED = {"Succeeded", "Failed"}
CATCH_UP_SECONDS = 60.0
SILENCE_SECONDS = 120.0  # the API server sends a bookmark every minute

# The path for marks: pods that ask for nothing, in a namespace that Headroom exempts. Once the witness has seen a mark,
# it has seen everything before it.
MARKS = "/api/v1/namespaces/kube-system/pods"


@dataclass(frozen=True, slots=True)
class Mark:
    """The last mark that was seen: its name, its revision, and what each pod held at that revision."""

    name: str = ""
    revision: int = 0
    held: dict[str, int] = field(default_factory=dict)


class Witness:
    """Watches the pods of all namespaces while the `with` block runs, from a given list on (default: a new list)."""

    def __init__(self, server: Server, listed: Object | None = None) -> None:
        self._server, self._listed = server, listed
        self._held: dict[str, int] = {}
        self._sum = 0
        self._revision = 0
        self._moments: list[Moment] = []
        self._caught_up = 0
        self._mark = Mark()
        self._socket: socket.socket | None = None
        self._fault: BaseException | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)

    def __enter__(self) -> Self:
        self._take_in(self._listed or self._server.get(PODS))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._socket is not None:
            with suppress(OSError):
                # Bypasses TLS, which must not be closed while another thread reads from it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        self._thread.join(CATCH_UP_SECONDS)

    def most(self, since: float = float("-inf")) -> int:
        """Return the most bytes that pods have held since a moment of the monotonic clock."""
        with self._lock:
            return max((moment.held for moment in self._moments if moment.at >= since), default=0)

    @property
    def held(self) -> int:
        """Return the bytes that pods hold now, as far as the witness has seen."""
        with self._lock:
            return self._sum

    def since_now(self) -> int:
        """Return a value for `testify`, which then covers everything from now on."""
        with self._lock:
            return len(self._moments) - 1

    def testify(self, since: int = 0) -> Evidence:
        """Return what was seen since `since`; raises AssertionError if the witness missed anything.

        Clients may go on creating and deleting: the view is compared with a list at exactly the same revision.
        """
        ended = time.monotonic()
        mark = self._catch_up()
        listed = self._server.get(f"{PODS}?resourceVersion={mark.revision}&resourceVersionMatch=Exact")["items"]
        expected = holdings(listed)
        assert mark.held == expected, f"at {mark.revision} the witness has {mark.held}, a list {expected}"
        with self._lock:
            return Evidence(tuple(self._moments[since:]), max(ended, self._moments[-1].at), self._caught_up)

    def _catch_up(self) -> "Mark":
        name = f"mark-{uuid.uuid4().hex[:8]}"
        spec = {"schedulerName": "nobody", "containers": [{"name": "none", "image": "none"}]}
        self._server.send("POST", MARKS, {"metadata": {"name": name}, "spec": spec})
        try:
            deadline = time.monotonic() + CATCH_UP_SECONDS
            while (mark := self._mark).name != name:
                if self._fault:
                    raise AssertionError(f"the witness sees no more: {self._fault!r}") from self._fault
                assert time.monotonic() < deadline, f"the witness has come to {self._revision} and does not get on"
                time.sleep(0.02)
            return mark
        finally:
            self._server.send("DELETE", f"{MARKS}/{name}?gracePeriodSeconds=0")

    # -- on the witness's thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        missed = False
        try:
            while not self._stop.is_set():
                try:
                    if missed:
                        self._recall()
                    missed = self._watch()
                except FAULTS:
                    self._stop.wait(0.1)
        except BaseException as fault:  # noqa: BLE001 - raised by `testify`
            self._fault = fault

    def _watch(self) -> bool:
        """Follow the events of one watch; return True if the watch can no longer deliver all events."""
        for kind, found in self._events():
            if kind == "ERROR":
                return True
            with self._lock:
                self._follow(kind, found)
        return False

    def _events(self) -> Iterator[tuple[str, Object]]:
        query = f"watch=true&allowWatchBookmarks=true&timeoutSeconds=600&resourceVersion={self._revision}"
        with closing(self._server.connect(SILENCE_SECONDS)) as connection:
            connection.request("GET", f"{PODS}?{query}", headers=self._server.headers)
            self._socket = connection.sock
            with closing(connection.getresponse()) as answer:
                if answer.status == 410:
                    yield "ERROR", {}
                    return
                if answer.status != 200:
                    raise HTTPException(f"the watch was answered {answer.status}")
                while not self._stop.is_set() and (line := answer.readline()):
                    event = json.loads(line)
                    yield event["type"], event["object"]

    def _follow(self, kind: str, found: Object) -> None:
        self._revision = int(found["metadata"]["resourceVersion"])
        if kind == "BOOKMARK":
            return
        key, size = _holding(found)
        self._sum -= self._held.pop(key, 0)
        if size and kind != "DELETED":
            self._held[key] = size
            self._sum += size
        self._note(found)
        self._moments.append(Moment(self._revision, self._sum, time.monotonic()))

    def _recall(self) -> None:
        """List each missed revision: a restarted API server has no events from before, but etcd has every state."""
        newest = int(self._server.get(f"{PODS}?limit=1")["metadata"]["resourceVersion"])
        for revision in range(self._revision + 1, newest + 1):
            self._take_in(self._server.get(f"{PODS}?resourceVersion={revision}&resourceVersionMatch=Exact"))
            self._caught_up += 1

    def _take_in(self, listed: Object) -> None:
        with self._lock:
            self._revision = int(listed["metadata"]["resourceVersion"])
            self._held = holdings(listed["items"])
            self._sum = sum(self._held.values())
            for found in listed["items"]:
                self._note(found)
            self._moments.append(Moment(self._revision, self._sum, time.monotonic()))

    def _note(self, found: Object) -> None:
        if found["metadata"]["name"].startswith("mark-"):
            self._mark = Mark(found["metadata"]["name"], self._revision, dict(self._held))


def holdings(pods: list[Object]) -> dict[str, int]:
    """Return what each pod of a list holds, by namespace/name; pods that hold nothing are left out."""
    return {key: held for key, held in map(_holding, pods) if held}


def _holding(pod: Object) -> tuple[str, int]:
    """Return a pod's namespace/name and the bytes that it holds: 0 once it has ended."""
    meta = pod["metadata"]
    key = f"{meta['namespace']}/{meta['name']}"
    if pod["status"].get("phase") in ENDED:
        return key, 0
    requests = (c.get("resources", {}).get("requests", {}) for c in pod["spec"]["containers"])
    return key, sum(size(each["memory"]) for each in requests if "memory" in each)


def size(quantity: str) -> int:
    """Return the bytes of a quantity such as `64Mi`; raises ValueError for any other notation."""
    unit = UNITS.get(quantity[-2:])
    return int(quantity) if unit is None else int(quantity[:-2]) * unit
