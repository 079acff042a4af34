"""Metrics: what happened, counted as it happens, and how things stand, read at each scrape.

Names follow Prometheus' conventions and label names those of kube-state-metrics. Every replica exports the same gauges
of the account, so dashboards use `max by`.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from webhook import __version__
from webhook.admission import Admission
from webhook.audit import AuditLog
from webhook.cases import Decided
from webhook.core.amounts import Amounts
from webhook.settings import Settings
from webhook.tls import ServingCertificate

_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)


class Reviews:
    """Counts decisions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reviews = Counter(
            "headroom_admission_reviews",
            "Decisions, by what was asked and what was said.",
            ("operation", "kind", "verdict", "reason", "dry_run"),
            registry=registry,
        )
        self._duration = Histogram(
            "headroom_admission_duration_seconds",
            "Time from a review's last byte to its verdict, waiting for a booking included.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._children: dict[tuple[str, ...], Counter] = {}

    def record(self, decided: Decided) -> None:
        """Count one decision."""
        request, verdict = decided.case.request, decided.verdict
        # What is no pod could be called anything by whoever reaches the port, and labels live for ever.
        kind = "Pod" if request.is_pod else "other"
        operation = request.operation if request.operation in _OPERATIONS else "other"
        labels = (operation, kind, verdict.decision.value, verdict.reason.value, str(bool(request.dry_run)).lower())
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._reviews.labels(*labels)
        child.inc()
        self._duration.observe(decided.took)


_OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")


class Account(Collector):
    """Reads the account at each scrape, under its lock and for as short as can be."""

    def __init__(
        self, admission: Admission, settings: Settings, audit: AuditLog, certificate: ServingCertificate
    ) -> None:
        self._admission = admission
        self._settings = settings
        self._audit = audit
        self._certificate = certificate

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily | InfoMetricFamily]:
        """Yield everything that stands for itself."""
        yield InfoMetricFamily("headroom_build", "What is running.", value={"version": __version__})
        config = {"hash": self._admission.config_hash, "mode": self._admission.config.mode.value}
        yield InfoMetricFamily("headroom_config", "The configuration that applies.", value=config)
        yield _gauge(
            "headroom_config_last_reload_success",
            "1 if the last edit of the configuration was good.",
            float(self._settings.reading.good),
        )
        yield _gauge(
            "headroom_certificate_expiry_timestamp_seconds",
            "When the serving certificate expires.",
            self._certificate.expires_at,
        )
        yield CounterMetricFamily("headroom_audit_lines_dropped", "Audit lines lost.", value=self._audit.dropped)
        yield _gauge("headroom_ready", "1 if this replica can judge.", float(self._admission.unready() is None))
        yield from self._standing()
        yield from self._reservations()

    def _standing(self) -> Iterator[GaugeMetricFamily]:
        with self._admission.lock:
            ledger = self._admission.ledger
            standings = [ledger.standing(scope) for scope in ledger.accounting.scopes]
            pods = len(ledger)
        yield _gauge("headroom_pods", "Pods that count.", float(pods))
        families: dict[str, GaugeMetricFamily] = {}

        def put(name: str, text: str, scope: str, value: int) -> None:
            family = families.setdefault(name, GaugeMetricFamily(name, text, labels=("scope",)))
            family.add_metric((scope,), value)

        for standing in standings:
            scope, bearing = standing.scope, standing.bearing
            put("headroom_scope_memory_allocatable_bytes", "Allocatable on counted nodes.", scope, bearing.room.memory)
            for index, field in enumerate(Amounts._fields):
                bound = bearing.bound[index]
                if bound is None:
                    continue
                resource, kind = field.split("_")[:2]
                value = standing.committed[index]
                unit, by = ("bytes", 1) if resource == "memory" else ("millicores", 1)
                put(f"headroom_scope_{resource}_{kind}_{unit}", "What live pods commit.", scope, value * by)
                put(f"headroom_scope_{resource}_{kind}_bound_{unit}", "What they may commit.", scope, bound * by)
        yield from families.values()

    def _reservations(self) -> Iterator[GaugeMetricFamily]:
        with self._admission.lock:
            ledger, allotment = self._admission.ledger, self._admission.allotment
            open_, seen = 0, 0
            for _, reservation in ledger.reservations:
                open_, seen = open_ + reservation.is_open, seen + (not reservation.is_open)
            reserved = {s: ledger.reservations.unseen(s).memory_requests for s in ledger.accounting.scopes}
            held = {s: allotment.held(s).memory_requests for s in ledger.accounting.scopes}
        count = GaugeMetricFamily("headroom_reservations", "Reservations not yet retired.", labels=("state",))
        count.add_metric(("open",), open_)
        count.add_metric(("seen",), seen)
        yield count
        yield _by_scope("headroom_reserved_memory_bytes", "Requests granted and not yet seen.", reserved)
        yield _by_scope("headroom_allotted_memory_bytes", "Requests that this replica holds to grant from.", held)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _by_scope(name: str, text: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=("scope",))
    for scope, value in values.items():
        family.add_metric((scope,), value)
    return family
