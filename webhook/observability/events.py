"""The event recorder: reports refusals as Events on the objects that people look at. It never delays a review.

`record` puts a refusal into `EventAggregator`, which limits rate and memory; a thread of its own writes what is due.
"""

import logging
from collections.abc import Callable
from threading import Event, Lock

from webhook.admission.decision_record import DecisionRecord
from webhook.core.events.aggregator import EventAggregator, Occurrence, PendingEvent
from webhook.core.events.reference import Reference, controller
from webhook.kube.client import Api
from webhook.kube.stream import ApiError, Conflict, KubeError, NotFound, Terminating
from webhook.observability.event_writer import EventWriter
from webhook.observability.owners import Owners
from webhook.state.configuration import NAME as CONFIG
from webhook.state.configuration import Edit

log = logging.getLogger(__name__)

_PAUSE = 0.25  # seconds between checks for due Events; a check delays a first Event by at most this
_LONGEST_ASKED = 10.0  # seconds without Events that a busy API server may ask for
_SILENCE = 3600.0  # seconds until a fault of the same kind is logged again


class EventRecorder:
    """Keeps the Events that are due, and writes them. One thread calls `run`; any thread may call the rest.

    `clock` and `wall_clock` are in seconds; the times in the Events are of `wall_clock`.
    """

    def __init__(
        self, api: Api, replica: str, stop: Event, clock: Callable[[], float], wall_clock: Callable[[], float]
    ) -> None:
        self._owners = Owners(api)
        self._events = EventWriter(api, replica)
        self._stop = stop
        self._clock = clock
        self._wall_clock = wall_clock
        self._notices = EventAggregator()
        self._lock = Lock()
        self._reported: dict[str, float] = {}
        self._not_before = float("-inf")  # the API server asked for a pause until then
        self.written = 0
        self.dropped = 0  # occurrences that are in no Event

    def record(self, decided: DecisionRecord) -> None:
        """Record a refusal, if this decision is one. It waits only for a lock that is never held during a call."""
        occurrence = refused(decided)
        if occurrence is not None:
            self.announce(occurrence)

    def announce(self, occurrence: Occurrence) -> None:
        """Record what happened to an object."""
        with self._lock:
            if not self._notices.observe(occurrence, self._clock()):
                self.dropped += 1

    def run(self) -> None:
        """Write Events that are due until stopped; never raises. What is left then is in the audit log only."""
        while not self._stop.wait(_PAUSE):
            try:
                self.tell_what_is_due()
            except Exception:
                log.exception("Events could not be written")

    def tell_what_is_due(self) -> None:
        """Write all Events that are due now; never waits for more."""
        while not self._stop.is_set() and self._clock() >= self._not_before:
            with self._lock:
                notice = self._notices.take(self._clock())
            if notice is None:
                return
            self._tell(notice)

    def _tell(self, notice: PendingEvent) -> None:
        occurrence = notice.occurrence
        since = self._wall_clock() - self._clock()
        try:
            top = self._owners.top(occurrence.regarding) if occurrence.claimed else occurrence.regarding
            if top is not None:
                self._events.write(top, occurrence, notice.count, since + notice.first, since + notice.last)
        except KubeError as error:
            self._fail(notice, error)
        else:
            self._count(notice, written=top is not None)

    def _count(self, notice: PendingEvent, *, written: bool) -> None:
        if written:
            self.written += 1
            return
        with self._lock:
            self.dropped += notice.count

    def _fail(self, notice: PendingEvent, error: KubeError) -> None:
        with self._lock:
            if not (_may_pass(error) and self._notices.give_back(notice)):
                self.dropped += notice.count
        if isinstance(error, Conflict | NotFound | Terminating):
            return  # normal: the replicas write the same Events, and namespaces come and go
        kind = str(error.status) if isinstance(error, ApiError) else type(error).__name__
        now = self._clock()
        if isinstance(error, ApiError):
            self._not_before = now + min(error.retry_after, _LONGEST_ASKED)
        if now >= self._reported.get(kind, float("-inf")) + _SILENCE:
            self._reported[kind] = now
            log.warning("Events cannot be written; more of this kind is counted and not logged: %s", error)


def _may_pass(error: KubeError) -> bool:
    """Say whether the same call may succeed some seconds later."""
    return not isinstance(error, ApiError) or error.status >= 500 or error.status in {409, 429}


def refused(decided: DecisionRecord) -> Occurrence | None:
    """Return the occurrence to report on the controller of the refused pod; None if there is nothing to report.

    A pod without a controller needs no Event: its creator gets the refusal itself. A dry run must leave nothing behind.
    """
    case, verdict = decided.case, decided.verdict
    if verdict.allowed or case.evaluation is None or case.request.dry_run:
        return None
    namespace = case.request.namespace
    owner = controller(case.evaluation.pod.metadata.owner_references, namespace)
    if owner is None:
        return None
    action = "ResizePod" if case.request.is_resize else f"{case.request.operation.capitalize()}Pod"
    return Occurrence(owner, "Warning", verdict.reason._value_, action, decided.message, claimed=True)


def edited(edit: Edit, namespace: str) -> Occurrence:
    """Return the occurrence to report on the ConfigMap after an edit of the configuration."""
    kind, reason = ("Normal", "ConfigurationApplied") if edit.good else ("Warning", "ConfigurationRefused")
    about = Reference("v1", "ConfigMap", namespace, CONFIG, edit.uid)
    return Occurrence(about, kind, reason, "Configure", edit.text)
