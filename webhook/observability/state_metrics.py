"""Metrics of the state, read at each scrape: nothing is counted for them while a review is answered.

Every replica exports the same figures of the cluster, so dashboards use `max by`.
"""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from webhook import __version__
from webhook.admission.pods import PodAdmission
from webhook.controllers.allotments import AllotmentController
from webhook.controllers.versions import Versions
from webhook.http.tls import ServingCertificate
from webhook.observability.audit_log import AuditLog
from webhook.observability.events import EventRecorder
from webhook.observability.families import counter, counters, gauge, gauges
from webhook.observability.scope_metrics import scope_families
from webhook.observability.state_reading import read_grants, read_scopes
from webhook.state.cluster_state import ClusterState
from webhook.state.configuration import ConfigurationLoader
from webhook.state.quota_view import QuotaView


class EventCollector(Collector):
    """Exports how many Events were written, and how many refusals are in no Event."""

    def __init__(self, announcing: EventRecorder) -> None:
        self._announcing = announcing

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield counter("headroom_events_written", "Events made or updated.", self._announcing.written)
        yield counter("headroom_events_dropped", "Refusals for which no Event was written.", self._announcing.dropped)


class KubernetesRules(Collector):
    """By which versions' rules pods are counted."""

    def __init__(self, state: ClusterState, versions: Versions) -> None:
        self._state, self._versions = state, versions

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        text = "Versions of Kubernetes by whose rules pods are counted; of several the larger figure counts."
        yield gauges(
            "headroom_kubernetes_rules", text, "version", {each.version: 1 for each in self._state.basis.rules}
        )
        text = "Whether the API server's version is newer than those that are known, or cannot be read."
        yield gauge("headroom_kubernetes_version_unknown", text, self._versions.unknown)


class QuotasSeen(Collector):
    """Exports whether the view of ResourceQuotas is good enough to refuse in their place, and how many there are."""

    def __init__(self, quotas: QuotaView) -> None:
        self._quotas = quotas

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        text = "1 while the watch on ResourceQuotas works; 0: pods that they refuse are first granted room here."
        yield gauge("headroom_quotas_synced", text, float(self._quotas.usable()))
        yield gauge("headroom_quotas", "ResourceQuotas that restrict pods, as they are seen.", len(self._quotas))


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
        self._state = admission.state
        self._settings = settings
        self._audit = audit
        self._booking = booking
        self._certificate = certificate
        self._wall_clock = wall_clock

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._process()
        yield from self._feeds()
        yield from self._cluster()
        yield from self._grants()
        yield from self._bookings()

    def _process(self) -> Iterator[Metric]:
        yield InfoMetricFamily("headroom_build", "What is running.", value={"version": __version__})
        basis = self._state.basis
        config = {"hash": basis.config_hash, "mode": basis.config.mode.value}
        yield InfoMetricFamily("headroom_config", "The configuration that applies.", value=config)
        good, expiry = float(self._settings.reading.good), self._certificate.expires_at
        yield gauge("headroom_config_last_reload_success", "1 if the configuration's last edit was good.", good)
        yield gauge("headroom_certificate_expiry_timestamp_seconds", "When the serving certificate expires.", expiry)
        yield gauge("headroom_ready", "1 if this replica can judge.", float(self._state.readiness.unable() is None))
        yield counter("headroom_audit_lines_dropped", "Audit lines lost.", self._audit.dropped)
        sent_back = self._admission.sent_back
        yield counter("headroom_admission_sent_back", "Reviews answered with 503, to be asked again.", sent_back)
        text = "Reviews that had to wait until earlier pods of the same owner or namespace appear."
        yield counter("headroom_admission_awaited_earlier_pods", text, self._admission.awaited)

    def _feeds(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "headroom_watch_last_event_timestamp_seconds", "When a watch last received anything.", labels=("resource",)
        )
        for feed in (self._state.pods, self._state.nodes):
            if feed.synced:
                ago = self._state.clock() - feed.heard
                family.add_metric((feed.resource,), self._wall_clock() - ago)
        yield family

    def _cluster(self) -> Iterator[Metric]:
        reading = read_scopes(self._state)
        text = "Nodes that two pools select; they belong to `pool`, and the thresholds of `other` do not apply to them."
        shared = GaugeMetricFamily("headroom_pool_overlap_nodes", text, labels=("pool", "other"))
        for pools, nodes in reading.overlaps.items():
            shared.add_metric(pools, nodes)
        yield shared
        text = "Pods that are in the cluster's sums; those of a node that does not count are not."
        yield gauge("headroom_pods", text, reading.pods)
        text = "Pods that have not ended, as they are seen, wherever they are."
        yield gauge("headroom_live_pods", text, reading.live)
        yield from scope_families(reading.scopes)

    def _grants(self) -> Iterator[Metric]:
        reading = read_grants(self._state)
        text = (
            "Reservations not yet retired. Orphaned: the pod has not appeared in time, and is taken to be never "
            "created once a fresh view shows it."
        )
        yield gauges("headroom_reservations", text, "state", reading.reservations)
        yield counter("headroom_reservations_expired", "Reservations whose pods never came.", reading.lapsed)
        text = "Owners and namespaces whose pods were let in and never came, and which have a small credit since."
        yield gauge("headroom_subjects_in_bad_standing", text, reading.in_bad_standing)
        text = "Pods that grew without a review: a resize has become feasible, or a pod that had ended lives again."
        yield counter("headroom_unreviewed_growths", text, reading.growths)
        text = "Requests that pods grew by without a review."
        yield counter("headroom_unreviewed_growth_memory_bytes", text, reading.grown)
        text = "Pods bound to a node of a pool that they were not charged to before: they might have run elsewhere."
        yield counters("headroom_unconfined_binds", text, "pool", reading.binds)
        text = "Requests of pods bound to a node of a pool that they were not charged to before."
        yield counters("headroom_unconfined_bind_memory_bytes", text, "pool", reading.bound)
        text = "Times that etcd was put back, as far as this replica has noticed."
        yield counter("headroom_history_restarts", text, reading.restarts)

    def _bookings(self) -> Iterator[Metric]:
        tally = self._booking.tally
        writes = CounterMetricFamily(
            "headroom_booking_writes", "Writes of the object that replicas share.", labels=("outcome",)
        )
        outcomes = {"written": tally.written, "conflict": tally.conflicts, "failed": tally.failed}
        for outcome, number in {**outcomes, "unanswered": tally.unanswered}.items():
            writes.add_metric((outcome,), number)
        yield writes
        yield counter("headroom_hand_backs", "Writes that answered another replica's call.", tally.hand_backs)
