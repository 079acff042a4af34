"""Keeps a consumer in sync with one resource of the cluster, by list and watch, until it is stopped.

    list ──► watch ──► watch ──► …        each watch goes on from the last revision that was delivered
      ▲        │
      └────────┘  Gone, RelistRequired, or an error in the consumer: the watch cannot go on from that revision

Between two attempts there is a pause, which grows while attempts fail. No change is skipped: either the reflector
delivers each change after the last revision in order, or it delivers everything again.

On request, and when a watch has been silent for a while, the reflector proves how fresh the consumer's view is. It
lists one object, consistently, to get a revision, and the watch must reach that revision. For this the watch is
reopened for a few seconds, because the API server sends a bookmark before a watch ends. So a half-open connection does
not look alive for long, and a resource without changes costs little.

If a consistent read returns a lower revision than the reflector knew when it sent the read, etcd was restored to an
older state, and the reflector lists everything. It can notice this only while the new revisions are lower. Therefore it
also lists after an outage that was long enough for a restore, and when another part of this replica has noticed a
restore.
"""

import logging
import random
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from threading import Event as Flag
from typing import Any, Generic

from msgspec.structs import replace

from webhook.kube.backoff import Backoff
from webhook.kube.client import Api
from webhook.kube.stream import Gone, KubeError, Silent
from webhook.kube.throttle import NO_THROTTLE, ReadThrottle
from webhook.watch.decoder import RelistRequired, Resource
from webhook.watch.events import Connected, Disconnected, Fresh, T, Unreadable, WatchEvent, WentBack
from webhook.watch.listwatch import ListWatch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds."""

    page: float = 30.0  # for each page of a list
    watch: float = 290.0  # a watch lasts this long, or up to a fifth longer, so that replicas' watches end apart
    idle_timeout: float = 30.0  # of a silent watch; a proof then shows whether there are no events or no connection
    answer: float = 10.0  # for the call that gets the newest revision, at the beginning of a proof
    probe: float = 3.0  # the API server sends a bookmark 2 s before a watch ends, so a shorter watch would have none
    shortest_pause: float = 0.1
    longest_pause: float = 5.0
    outage: float = 5.0  # after this long without an API server, etcd may have been restored: begin with a list
    settled: float = 5.0  # a watch that lasted this long was healthy: after it, the pauses start again from 0


TIMING = Timing()


class _Ended(Exception):  # noqa: N818 - it is not an error
    """The API server ended a watch, as it does when its time is up."""


class Reflector(Generic[T]):
    """Calls `deliver` with every event of a resource, on the one thread that calls `run`.

    If `deliver` raises, the reflector lists again.
    """

    def __init__(
        self,
        api: Api,
        resource: Resource[Any, T],
        deliver: Callable[[WatchEvent[T]], None],
        *,
        timing: Timing = TIMING,
        pause: ReadThrottle = NO_THROTTLE,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._calls = ListWatch(api, resource)
        self._path = resource.path
        self._deliver = deliver
        self._timing = timing
        self._pause = pause
        self._clock = clock
        self._jitter = jitter
        self._backoff = Backoff(timing.shortest_pause, timing.longest_pause, jitter)
        self._stop = Flag()
        self._revision: int | None = None  # the last one delivered; None: list
        self._furthest = 0  # the highest revision that was delivered, in this history
        self._back: tuple[int, int] | None = None  # a revision that was delivered, and the lower one that a proof found
        self._listing = float("-inf")  # when the last list began
        self._list_asked = float("-inf")
        self._restarted = False  # history was replaced: older revisions cannot be compared with new ones
        self._alive = float("-inf")  # when the API server last answered or sent anything
        self._broken = False  # something has failed since
        self._asked = self._proven = float("-inf")
        self._watching = False
        self._heard = float("-inf")
        self._report_due = float("-inf")

    @property
    def heard(self) -> float:
        """When anything was last delivered to the consumer, on the reflector's clock; minus infinity if never."""
        return self._heard

    def run(self) -> None:
        """Deliver events until `stop`; never raises and never gives up."""
        while not self._stop.is_set():
            try:
                with closing(self._round()) as news:
                    for item in news:
                        self._tell(item)
            except Exception as error:  # noqa: BLE001 - the loop goes on after any failure, here or in the consumer
                self._recover(error)

    def stop(self) -> None:
        """End `run`; any thread may call it. It ends at once, unless a call still waits for the response's headers."""
        self._stop.set()
        self._calls.close()

    def request_proof(self) -> None:
        """Request a `Fresh` whose `since` is not before now; it comes after some seconds. Any thread may call it."""
        self._asked = self._clock()
        if self._watching:
            self._calls.interrupt()

    def request_list(self, *, restarted: bool = False) -> None:
        """Request a list that begins after now; `restarted`: history was replaced. Any thread may call it."""
        self._restarted = self._restarted or restarted
        self._list_asked = self._clock()
        self._calls.interrupt()

    def _tell(self, news: WatchEvent[T]) -> None:
        if not self._stop.is_set():
            self._deliver(news)
            self._heard = self._clock()
            if not isinstance(news, Disconnected):
                self._alive, self._broken = self._heard, False

    def _recover(self, error: Exception) -> None:
        """Decide whether to list or to watch next, log and deliver the fault, and wait."""
        if self._stop.is_set():
            return
        self._broken = self._broken or not isinstance(error, _Ended)
        if not isinstance(error, KubeError | _Ended) or isinstance(error, Gone):
            self._revision = None
        if not isinstance(error, KubeError | _Ended | RelistRequired):
            log.error("%s: what the API server sent could not be applied; listing again", self._path, exc_info=error)
        if self._revision is None and self._clock() - self._listing > self._timing.longest_pause:
            self._backoff.reset()  # a list repairs this at once, unless it was a list that just failed
        pause = self._backoff.after(error, self._timing.longest_pause)
        if pause or not isinstance(error, _Ended):
            log.warning("%s: %s; trying again in %.1f s", self._path, error, pause)
            self._tell_broken(str(error))
        self._stop.wait(pause)

    def _tell_broken(self, fault: str) -> None:
        try:
            self._tell(Disconnected(fault))
        except Exception:
            log.exception("%s: what the API server sent could not be applied; listing again", self._path)
            self._revision = None

    def _round(self) -> Generator[WatchEvent[T]]:
        """Return the next step: a list, a proof or a watch."""
        if self._revision is None or self._list_asked > self._listing:
            return self._relist()
        if self._asked > self._proven:
            return self._prove(self._revision)
        return self._watch(self._revision)

    def _relist(self) -> Generator[WatchEvent[T]]:
        since = self._listing = self._clock()
        self._revision = None
        if self._restarted:
            self._restarted, self._furthest, self._back = False, 0, None
        known = self._furthest
        replaced = replace(self._calls.list(self._timing.page), since=since)
        if self._list_asked >= since:
            return  # another list was requested meanwhile, because this one may be of the old history
        if replaced.revision < known or self._back:
            yield WentBack(*(self._back or (known, replaced.revision)), since)
        self._back, self._revision = None, replaced.revision
        self._furthest = replaced.revision
        self._report(replaced.unreadable)
        yield replaced
        yield Fresh(since)  # a consistent list shows every change that happened before it was requested
        self._proven = since
        seconds = self._clock() - since
        log.info("%s: listed %d at %d in %.1f s", self._path, len(replaced.objects), replaced.revision, seconds)

    def _prove(self, last: int) -> Generator[WatchEvent[T]]:
        since = self._clock()
        newest = self._calls.newest(self._timing.answer)
        if newest < last:
            self._back = last, newest
            raise RelistRequired(f"the API server went back from revision {last} to {newest}")
        if last < newest:
            for news in self._events(last, self._timing.probe, 2 * self._timing.probe):
                yield news
                if self._revision is None or self._revision >= newest:
                    break
                if self._list_asked > self._listing:
                    return
            else:
                self._revision = None  # the watch did not reach it; a list will
                return
        yield Fresh(since)
        self._proven = since

    def _watch(self, last: int) -> Generator[WatchEvent[T]]:
        began = self._clock()
        seconds = self._timing.watch * (1 + self._jitter() / 5)
        self._watching = True
        try:
            for news in self._events(last, seconds, self._timing.idle_timeout):
                yield news
                if self._asked > self._proven or self._list_asked > self._listing:
                    return
        except Silent:
            # This may be normal: the API server sends no bookmark for the revision that the watch began with.
            self._asked = self._clock()
        finally:
            self._watching = False
            if self._clock() - began >= self._timing.settled:
                self._backoff.reset()
        if self._asked <= self._proven and self._list_asked <= self._listing:
            raise _Ended("the API server ended the watch")

    def _events(self, last: int, seconds: float, idle_timeout: float) -> Generator[WatchEvent[T]]:
        with self._calls.watch(last, seconds, idle_timeout, self._pause) as events:
            away = self._clock() - self._alive
            if self._broken and away >= self._timing.outage:
                raise RelistRequired(f"the API server was away for {away:.0f} s")
            yield Connected()
            for event in events:
                if event.revision < last:
                    raise RelistRequired(f"the API server went back from revision {last} to {event.revision}")
                if isinstance(event, Unreadable):
                    self._report([event])
                self._revision = last = event.revision
                self._furthest = max(self._furthest, last)
                yield event

    def _report(self, unreadable: list[Unreadable]) -> None:
        """Log objects that do not fit: a few at a time, and not often, since one may change many times a second."""
        if unreadable and self._clock() >= self._report_due:
            self._report_due = self._clock() + self._timing.longest_pause
            shown = "; ".join(f"{item.namespace}/{item.name}: {item.fault}" for item in unreadable[:3])
            log.warning("%s: %d objects cannot be read: %s", self._path, len(unreadable), shown)
