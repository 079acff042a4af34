"""Metrics of what happens, counted as it happens; `state_metrics` reads all others from the state at each scrape.

Names follow the conventions of Prometheus, and label names those of kube-state-metrics.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from webhook.admission.decision_record import DecisionRecord
from webhook.core.forecast.plan import KINDS
from webhook.core.ledger.drift import Drift
from webhook.core.reviews.review import AdmissionRequest

# What a family says of the whole cluster is the same from every replica, but for the moment at which each has seen it.
_ALIKE: Final = (
    "headroom_blocked_",
    "headroom_history_",
    "headroom_live_pods",
    "headroom_namespace_",
    "headroom_node_",
    "headroom_pods",
    "headroom_pool_",
    "headroom_quotas",
    "headroom_reserve_",
    "headroom_scope_",
    "headroom_unconfined_",
    "headroom_unreviewed_",
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
