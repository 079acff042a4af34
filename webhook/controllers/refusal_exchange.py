"""The exchange: what this replica shows the others of its refusals, and what they show it.

Nothing is written while nothing is shown. What changes is written at most once a second, and what stays is written
again once a minute, so that others see that the replica lives. A replica whose key has not changed for three minutes
has ended: another one takes over what it showed. Clocks of two replicas are never compared.
"""

import logging
from collections.abc import Callable
from threading import Lock
from typing import Final, NamedTuple

from msgspec.structs import replace

from webhook.controllers.refusal_store import RefusalStore
from webhook.core.reporting.publication import Publication, PublicationError, Views, read, written
from webhook.core.values.notation import quoted
from webhook.kube.configmaps import ConfigMap
from webhook.kube.stream import Conflict, KubeError

log = logging.getLogger(__name__)

APART: Final = 1.0  # seconds between two writes
RENEW: Final = 60.0  # seconds until what has not changed is written again
SILENT: Final = 180.0  # seconds after which a replica that writes nothing has ended
_LONGEST_PAUSE = 30.0  # seconds after writes that failed
_MOST_REPLICAS = 64  # whose keys are read; a ConfigMap holds 32 of the largest


class _Seen(NamedTuple):
    """The text of another replica, what it says (None: it cannot be read), and when it last changed."""

    text: str
    shows: Publication | None
    since: float


class RefusalExchange:
    """Keeps this replica's key, and what the others show. One thread calls `tell`, one all the rest but `views`."""

    def __init__(self, store: RefusalStore, replica: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._replica = replica
        self._clock = clock
        self._lock = Lock()  # guards what the views are made of
        self._others: dict[str, _Seen] = {}
        self._revision = 0
        self._lacks_own = False  # whether the key that this replica wrote was removed
        self._shown = self._written = Publication()
        self._written_at = self._next_at = float("-inf")
        self._pause = APART
        self.failed = 0  # writes
        self.version = 0  # changes after `views` did

    # -- what others show ----------------------------------------------------------------------------------------------

    def tell(self, found: ConfigMap | None, revision: int) -> None:
        """Take in the ConfigMap as the watch shows it; None if there is none."""
        data = dict(list(found.data.items())[:_MOST_REPLICAS]) if found else {}
        known = self._others
        others = {name: self._see(name, text, known.get(name)) for name, text in data.items() if name != self._replica}
        with self._lock:
            self._others, self._revision = others, revision
            self._lacks_own = self._replica not in data
            self.version += 1

    def _see(self, replica: str, text: str, known: _Seen | None) -> _Seen:
        if known is not None and known.text == text:
            return known
        try:
            return _Seen(text, read(text), self._clock())
        except PublicationError as error:
            if known is None or known.shows is not None:
                log.warning("the refusals of replica %s cannot be read: %s", quoted(replica), error)
            return _Seen(text, None, self._clock())

    @property
    def views(self) -> Views:
        """What each replica shows, this one included; any thread may ask."""
        with self._lock:
            shown = {name: seen.shows for name, seen in self._others.items() if seen.shows is not None}
            return {**shown, self._replica: self._shown}

    # -- what this replica shows ---------------------------------------------------------------------------------------

    def show(self, made: Publication) -> None:
        """Show this from now on; `write` writes it."""
        with self._lock:
            self._shown = made
            self.version += 1

    def write(self) -> None:
        """Write what is shown, if it is time to; never raises."""
        now = self._clock()
        if now < self._next_at or not self._is_due(now):
            return
        made = self._next(self._shown)
        try:
            self._store.write(self._replica, None if made.is_empty else written(made))
        except KubeError as error:
            self._fail(error, now)
        else:
            self._done(made, now)

    def _is_due(self, now: float) -> bool:
        if not self._shown.shows_the_same(self._written):
            return True
        return not self._shown.is_empty and (self._lacks_own or now >= self._written_at + RENEW)

    def _next(self, shown: Publication) -> Publication:
        return replace(shown, renewal=self._written.renewal + 1)

    def _done(self, made: Publication, now: float) -> None:
        with self._lock:
            self._lacks_own = False
        self._written, self._written_at, self._pause = made, now, APART
        self._next_at = now + APART

    def _fail(self, error: KubeError, now: float) -> None:
        self.failed += 1
        if self._pause == APART and not isinstance(error, Conflict):
            log.warning("what was refused here cannot be shared with other replicas; trying again: %s", error)
        self._next_at = now + self._pause
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause)

    # -- replicas that have ended --------------------------------------------------------------------------------------

    def take_over(self, with_own: Callable[[Publication], Publication]) -> Publication | None:
        """Take over the key of a replica that has ended, if there is one; return what it showed. Never raises.

        `with_own` returns what this replica is to show beside its own.
        """
        now = self._clock()
        with self._lock:
            ended = next((name for name, seen in self._others.items() if now >= seen.since + SILENT), None)
            seen, revision = self._others.get(ended or ""), self._revision
        if ended is None or seen is None or now < self._next_at:
            return None
        shown = seen.shows or Publication()
        made = self._next(with_own(shown))
        try:
            self._store.take_over(ended, self._replica, None if made.is_empty else written(made), revision)
        except KubeError as error:  # most often, another replica does it
            self._fail(error, now)
            return None
        log.info("replica %s has ended: this one shows what it refused", quoted(ended))
        with self._lock:
            self._others = {name: each for name, each in self._others.items() if name != ended}
        self._done(made, now)
        self.show(made)
        return shown
