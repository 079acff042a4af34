"""Metrics: counters that count what happens, and gauges that read the state at each scrape.

Names follow the conventions of Prometheus, and label names those of kube-state-metrics. Every replica exports the same
gauges of the ledger, so dashboards use `max by`.
"""

from bisect import bisect_left
from collections import Counter as Counted
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from threading import Lock
from typing import Final, NamedTuple, Self

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from webhook import __version__
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.pods import PodAdmission
from webhook.controllers.allotments import AllotmentController
from webhook.controllers.versions import Versions
from webhook.core.forecast.plan import KINDS
from webhook.core.ledger.balance import Balance
from webhook.core.ledger.drift import Drift
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Reservation
from webhook.core.ledger.rules import Bound
from webhook.core.reviews.review import AdmissionRequest
from webhook.core.sharing.allotment import Allotment
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.http.tls import ServingCertificate
from webhook.observability.audit_log import AuditLog
from webhook.observability.events import EventRecorder
from webhook.state.cluster_state import ClusterState
from webhook.state.configuration import ConfigurationLoader
from webhook.state.quota_view import QuotaView

# What a family says of the whole cluster is the same from every replica, but for the moment at which each has seen it.
_ALIKE: Final = (
    *(
        "headroom_scope_",
        "headroom_pods",
        "headroom_live_pods",
        "headroom_pool_",
        "headroom_reserve_",
        "headroom_quotas",
    ),
    *("headroom_unconfined_", "headroom_unreviewed_", "headroom_history_"),
)
_BY_REPLICA: Final = ("headroom_quotas_synced",)  # for all its name


def over_replicas(name: str, kind: str) -> str:
    """Say what to do with a family over replicas: take the `max` where each exports the same, else add up or look."""
    if name.startswith(_ALIKE) and name not in _BY_REPLICA:
        return "max"
    adds_up = kind in {"counter", "histogram"} or name.startswith(("headroom_reserved_", "headroom_allotted_"))
    return "sum" if adds_up or name == "headroom_reservations" else "each"


disable_created_metrics()  # type: ignore[no-untyped-call]  # nobody asked when a series began, and each costs one more

_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)


class Reviews(Collector):
    """Counts decisions, as plain numbers while a review is answered; a scrape turns them into Prometheus metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = Lock()
        self._decisions: defaultdict[tuple[str, str, str, str, bool], int] = defaultdict(int)
        self._within = [0] * (len(_SECONDS) + 1)  # decisions in each bucket of `_SECONDS`, the last: above all of them
        self._seconds = 0.0
        registry.register(self)

    def record(self, decided: DecisionRecord) -> None:
        """Count one decision."""
        request, verdict = decided.case.request, decided.verdict
        # Any client that reaches the port may choose the kind of an object that is not a pod, and labels never go away.
        kind = "Pod" if request.is_pod else _kind(request)
        operation = request.operation if request.operation in _OPERATIONS else "other"
        decision = (operation, kind, verdict.decision._value_, verdict.reason._value_, bool(request.dry_run))
        bucket = bisect_left(_SECONDS, decided.took)
        with self._lock:
            self._decisions[decision] += 1
            self._within[bucket] += 1
            self._seconds += decided.took

    def collect(self) -> Iterator[Metric]:
        """Yield both metric families."""
        with self._lock:
            decisions, within, seconds = dict(self._decisions), list(self._within), self._seconds
        labels = ("operation", "kind", "verdict", "reason", "dry_run")
        text = "Decisions, by what was asked and what was said."
        family = CounterMetricFamily("headroom_admission_reviews", text, labels=labels)
        for (*said, dry_run), number in decisions.items():
            family.add_metric((*said, str(dry_run).lower()), number)
        yield family
        text = "Time from a review's last byte to its verdict, waiting for a booking included."
        buckets = list(zip(_BOUNDS, accumulate(within), strict=True))
        yield HistogramMetricFamily("headroom_admission_duration_seconds", text, buckets=buckets, sum_value=seconds)


def _kind(request: AdmissionRequest) -> str:
    return "Pod/resize" if request.is_resize else "Pod/binding" if request.is_binding else "other"


_BOUNDS = (*map(str, _SECONDS), "+Inf")
_OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")


class EarlyAnswers:
    """Counts early answers, the responses about workloads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers = Counter(
            "headroom_early_answers",
            "Answers to those who applied or scaled a workload, by its kind and what was said.",
            ("kind", "verdict", "dry_run"),
            registry=registry,
        )

    def record(self, decided: DecisionRecord) -> None:
        """Count one early answer."""
        request, verdict = decided.case.request, decided.verdict
        kind = request.kind.kind if request.kind.kind in KINDS else "other"
        self._answers.labels(kind, verdict.decision.value, str(bool(request.dry_run)).lower()).inc()


class Recounts:
    """Exports how often the ledger was recounted, and how many figures the last recount found wrong."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._done = Counter("headroom_recounts", "Times the account was recounted from its parts.", registry=registry)
        self._drifts = Gauge(
            "headroom_account_drifts", "Figures that differed in the last recount; must be 0.", registry=registry
        )

    def record(self, drifts: tuple[Drift, ...]) -> None:
        """Count one recount, and keep the number of its drifts."""
        self._done.inc()
        self._drifts.set(len(drifts))


class EventCollector(Collector):
    """Exports how many Events were written, and how many refusals are in no Event."""

    def __init__(self, announcing: EventRecorder) -> None:
        self._announcing = announcing

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield _counter("headroom_events_written", "Events made or updated.", self._announcing.written)
        yield _counter("headroom_events_dropped", "Refusals for which no Event was written.", self._announcing.dropped)


class KubernetesRules(Collector):
    """By which versions' rules pods are counted."""

    def __init__(self, account: ClusterState, versions: Versions) -> None:
        self._account, self._versions = account, versions

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        text = "Versions of Kubernetes by whose rules pods are counted; of several the larger figure counts."
        yield _by("headroom_kubernetes_rules", text, "version", {each.version: 1 for each in self._account.basis.rules})
        text = "Whether the API server's version is newer than those that are known, or cannot be read."
        yield _gauge("headroom_kubernetes_version_unknown", text, self._versions.unknown)


class QuotasSeen(Collector):
    """Exports whether the view of ResourceQuotas is good enough to refuse in their place, and how many there are."""

    def __init__(self, quotas: QuotaView) -> None:
        self._quotas = quotas

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        text = "1 while the watch on ResourceQuotas works; 0: pods that they refuse are first granted room here."
        yield _gauge("headroom_quotas_synced", text, float(self._quotas.usable()))
        yield _gauge("headroom_quotas", "ResourceQuotas that restrict pods, as they are seen.", len(self._quotas))


class StateCollector(Collector):
    """Reads all other metrics at each scrape; it holds the lock of `ClusterState` as briefly as possible."""

    def __init__(
        self,
        admission: PodAdmission,
        settings: ConfigurationLoader,
        audit: AuditLog,
        booking: AllotmentController,
        certificate: ServingCertificate,
        wall_clock: Callable[[], float],
    ) -> None:
        self._admission = admission
        self._account = admission.account
        self._settings = settings
        self._audit = audit
        self._booking = booking
        self._certificate = certificate
        self._wall_clock = wall_clock

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._process()
        yield from self._feeds()
        yield from self._scopes()
        yield from self._reservations()
        yield from self._bookings()

    def _process(self) -> Iterator[Metric]:
        yield InfoMetricFamily("headroom_build", "What is running.", value={"version": __version__})
        basis = self._account.basis
        config = {"hash": basis.config_hash, "mode": basis.config.mode.value}
        yield InfoMetricFamily("headroom_config", "The configuration that applies.", value=config)
        good, expiry = float(self._settings.reading.good), self._certificate.expires_at
        yield _gauge("headroom_config_last_reload_success", "1 if the configuration's last edit was good.", good)
        yield _gauge("headroom_certificate_expiry_timestamp_seconds", "When the serving certificate expires.", expiry)
        yield _gauge("headroom_ready", "1 if this replica can judge.", float(self._account.readiness.unable() is None))
        yield _counter("headroom_audit_lines_dropped", "Audit lines lost.", self._audit.dropped)
        sent_back = self._admission.sent_back
        yield _counter("headroom_admission_sent_back", "Reviews answered with 503, to be asked again.", sent_back)
        text = "Reviews that had to wait until earlier pods of the same owner or namespace appear."
        yield _counter("headroom_admission_awaited_earlier_pods", text, self._admission.awaited)

    def _feeds(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "headroom_watch_last_event_timestamp_seconds", "When a watch last received anything.", labels=("resource",)
        )
        for feed in (self._account.pods, self._account.nodes):
            if feed.synced:
                ago = self._account.clock() - feed.heard
                family.add_metric((feed.resource,), self._wall_clock() - ago)
        yield family

    def _scopes(self) -> Iterator[Metric]:
        standings, pending, pods, live, overlaps, out, reserves = self._account.read(_Scopes.of)
        yield _by("headroom_reserve_nodes", "Nodes whose loss a reserve is for.", "scope", reserves)
        text = "Nodes that are cordoned, or lost and not replaced; the reserve pays for the largest of them."
        yield _by("headroom_reserve_used_nodes", text, "scope", {scope: len(nodes) for scope, nodes in out.items()})
        text = "Nodes that two pools select; they belong to `pool`, and the thresholds of `other` do not apply to them."
        shared = GaugeMetricFamily("headroom_pool_overlap_nodes", text, labels=("pool", "other"))
        for pools, nodes in overlaps.items():
            shared.add_metric(pools, nodes)
        yield shared
        text = "Pods that are in the cluster's sums; those of a node that does not count are not."
        yield _gauge("headroom_pods", text, float(pods))
        yield _gauge(
            "headroom_live_pods", "Pods that have not ended, as they are seen, wherever they are.", float(live)
        )
        families: dict[str, GaugeMetricFamily] = {}
        for standing in standings:
            for name, text, value in _figures(standing, pending[standing.scope]):
                family = families.setdefault(name, GaugeMetricFamily(name, text, labels=("scope",)))
                family.add_metric((standing.scope,), value)
        yield from families.values()

    def _reservations(self) -> Iterator[Metric]:
        now = self._account.clock()
        held = self._account.read_holdings(lambda ledger, allotment: _Held.of(ledger, allotment, now))
        states, shares, in_bad_standing, growths, grown, binds, bound, pools = held
        lapsed = self._account.lapsed
        text = (
            "Reservations not yet retired. Orphaned: the pod has not appeared in time, and is taken to be never "
            "created once a fresh view shows it."
        )
        yield _by("headroom_reservations", text, "state", {state: states[state] for state in _STATES})
        yield _counter("headroom_reservations_expired", "Reservations whose pods never came.", lapsed)
        text = "Owners and namespaces whose pods were let in and never came, and which have a small credit since."
        yield _gauge("headroom_subjects_in_bad_standing", text, float(in_bad_standing))
        text = "Pods that grew without a review: a resize has become feasible, or a pod that had ended lives again."
        yield _counter("headroom_unreviewed_growths", text, growths)
        yield _counter("headroom_unreviewed_growth_memory_bytes", "Requests that pods grew by without a review.", grown)
        text = "Pods bound to a node of a pool that they were not charged to before: they might have run elsewhere."
        yield _counts("headroom_unconfined_binds", text, "pool", {pool: binds.get(pool, 0) for pool in pools})
        text = "Requests of pods bound to a node of a pool that they were not charged to before."
        requests = {pool: bound.get(pool, NOTHING).memory_requests for pool in pools}
        yield _counts("headroom_unconfined_bind_memory_bytes", text, "pool", requests)
        yield from _shares(shares)

    def _bookings(self) -> Iterator[Metric]:
        tally = self._booking.tally
        writes = CounterMetricFamily(
            "headroom_booking_writes", "Writes of the object that replicas share.", labels=("outcome",)
        )
        outcomes = {"written": tally.written, "conflict": tally.conflicts, "failed": tally.failed}
        for outcome, number in {**outcomes, "unanswered": tally.unanswered}.items():
            writes.add_metric((outcome,), number)
        yield writes
        text = "Times that etcd was put back, as far as this replica has noticed."
        yield _counter("headroom_history_restarts", text, self._account.bookings.restores().restarts)
        yield _counter("headroom_hand_backs", "Writes that answered another replica's call.", tally.hand_backs)


class _Scopes(NamedTuple):
    """What is shown of the scopes, taken under the lock."""

    standings: list[Balance]
    pending: Mapping[str, Amounts]
    pods: int
    live: int
    overlaps: Mapping[tuple[str, str], int]
    out: Mapping[str, tuple[str, ...]]
    reserves: Mapping[str, int]

    @classmethod
    def of(cls, ledger: Ledger) -> Self:
        """Take it; the caller holds the lock."""
        accounting, capacity = ledger.accounting, ledger.capacity
        out = capacity.out()
        return cls(
            [ledger.standing(scope) for scope in accounting.scopes],
            ledger.pending(),
            ledger.pods_that_count(),
            len(ledger),
            capacity.overlaps(),
            out,
            {scope: accounting.reserve_nodes(scope) for scope in out},
        )


class _Held(NamedTuple):
    """What is shown of reservations and of the allotment, taken under the lock."""

    states: Counted[str]
    shares: Mapping[str, tuple[Amounts, Amounts, Bound]]
    in_bad_standing: int
    growths: int
    grown: int
    binds: Mapping[str, int]
    bound: Mapping[str, Amounts]
    pools: tuple[str, ...]

    @classmethod
    def of(cls, ledger: Ledger, allotment: Allotment, now: float) -> Self:
        """Take it; the caller holds the lock."""
        lapsed_before, unseen = now - allotment.timing.lapse, ledger.reservations.unseen
        scopes, held, bearing = ledger.accounting.scopes, allotment.grants.held, ledger.capacity.bearing
        return cls(
            Counted(_state(reservation, lapsed_before) for _, reservation in ledger.reservations),
            {scope: (unseen(scope), held(scope), bearing(scope).bound) for scope in scopes},
            len(ledger.history),
            ledger.unasked_growths,
            ledger.unasked_growth.memory_requests,
            dict(ledger.unconfined_binds),
            dict(ledger.unconfined_bound),
            scopes[1:],
        )


def _shares(shares: Mapping[str, tuple[Amounts, Amounts, Bound]]) -> Iterator[Metric]:
    """Yield what this replica reserved and what it holds, of memory requests always and of other sums where bounded."""
    families: dict[str, GaugeMetricFamily] = {}
    for scope, (reserved, held, bounds) in shares.items():
        for index, field in enumerate(Amounts._fields):
            resource, kind = field.split("_")[:2]
            if bounds[index] is None and index:
                continue
            sum_, unit, parts = _sum_of(resource, kind)
            told = {
                "reserved": (
                    reserved[index],
                    f"{sum_} of pods that were let in and are not seen yet, of this replica.",
                ),
                "allotted": (held[index], f"{sum_} that this replica holds to grant from."),
            }
            for what, (value, text) in told.items():
                name = f"headroom_{what}_{resource}{'' if not index else f'_{kind}'}_{unit}"
                family = families.setdefault(name, GaugeMetricFamily(name, text, labels=("scope",)))
                family.add_metric((scope,), value / parts)
    yield from families.values()


def _sum_of(resource: str, kind: str) -> tuple[str, str, int]:
    """Return what a sum is called, its unit, and how many of ours that is."""
    return (f"Memory {kind}", "bytes", 1) if resource == "memory" else (f"CPU {kind}", "cores", 1000)


_STATES = ("open", "orphaned", "seen")


def _state(reservation: Reservation, lapsed_before: float) -> str:
    if not reservation.is_open:
        return "seen"
    return "orphaned" if reservation.granted_at <= lapsed_before else "open"


def _figures(standing: Balance, pending: Amounts) -> Iterator[tuple[str, str, float]]:
    """Yield name, text and value of each figure of a scope: its allocatable, and for each bounded sum its parts."""
    room, reserves, bounds, _ = standing.bearing
    yield "headroom_scope_memory_allocatable_bytes", "Allocatable memory on counted nodes.", room.memory
    yield "headroom_scope_cpu_allocatable_cores", "Allocatable CPU on counted nodes.", room.cpu / 1000
    text = "Pods that count and have no limit: what they may take is not in any sum of limits."
    yield "headroom_scope_memory_unbounded_pods", text, standing.committed.memory_unbounded
    yield "headroom_scope_cpu_unbounded_pods", text, standing.committed.cpu_unbounded
    text = "Declared {} limits of live pods: a container without one counts nothing here, whatever missingLimits says."
    yield "headroom_scope_memory_limits_declared_bytes", text.format("memory"), standing.committed.memory_limits
    yield "headroom_scope_cpu_limits_declared_cores", text.format("CPU"), standing.committed.cpu_limits / 1000
    sums = zip(Amounts._fields, standing.committed, reserves, bounds, pending, *standing.stuck, strict=True)
    for field, committed, kept, bound, *waiting in sums:
        if bound is not None:
            resource, kind = field.split("_")[:2]
            unit, parts = ("bytes", 1) if resource == "memory" else ("cores", 1000)
            called, name = f"{resource} {kind}", f"headroom_scope_{resource}_{kind}"
            yield f"{name}_{unit}", f"Committed {called} of live pods.", committed / parts
            text = f"What may be committed of {called}: the threshold's share of allocatable less the reserve."
            yield f"{name}_bound_{unit}", text, bound / parts
            text = f"The part of allocatable {resource} kept for the loss of nodes, where {called} are judged."
            yield f"{name}_reserve_{unit}", text, kept / parts
            for (state, text), amount in zip(_WAITING.items(), waiting, strict=True):
                yield f"{name}_{state}_{unit}", text.format(called), amount / parts


_WAITING = {
    "pending": "Committed {} of live pods that are not bound to a node yet.",
    "unplaceable": "Committed {} of live pods that no node can hold.",
    "apart": "Of {}, what policy let in and no node can hold: not committed before it is bound.",
}


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _counts(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family
