"""Metrics of certificates that Headroom looks after by itself."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from certs.keyring import Step
from webhook.controllers.certificate_rotation import State
from webhook.observability.families import gauge, gauges


class CertificateCollector(Collector):
    """Exports how the rotation stands; nothing where certificates come from files (None)."""

    def __init__(self, state: Callable[[], State] | None) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        if self._state is None:
            return
        state = self._state()
        text = "When the authority of Headroom's own certificates expires."
        yield gauge("headroom_certificate_authority_expiry_timestamp_seconds", text, state.authority_expires_at)
        text = "1 for the step of the rotation that this replica has read last."
        yield gauges("headroom_certificate_rotation_step", text, "step", {each: each == state.step for each in Step})
        text = "When this replica last read Secret and gate, and did what was due."
        yield gauge("headroom_certificate_rotation_last_success_timestamp_seconds", text, state.succeeded_at)
        text = "1 if this replica holds the Lease, and so is the one that rotates."
        yield gauge("headroom_certificate_rotation_leader", text, float(state.holds_lease))
        text = "Labels by which others keep namespaces out of the gate, and that Headroom leaves as they are."
        yield gauge("headroom_gate_foreign_terms", text, state.foreign_terms)
