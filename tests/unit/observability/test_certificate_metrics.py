"""How the rotation stands, as metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest

from tests.e2e.exposition import Exposition
from webhook.controllers.certificate_rotation import State
from webhook.observability.certificate_metrics import CertificateCollector


def text(state: Callable[[], State] | None) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CertificateCollector(state))
    return generate_latest(registry).decode()


def test_every_figure_is_shown() -> None:
    shown = Exposition(text(lambda: State("retire", 2e9, 1e9, holds_lease=True, foreign_terms=2)))
    assert shown.value("headroom_certificate_authority_expiry_timestamp_seconds") == 2e9
    assert shown.value("headroom_certificate_rotation_last_success_timestamp_seconds") == 1e9
    assert shown.value("headroom_certificate_rotation_leader") == 1
    assert shown.value("headroom_gate_foreign_terms") == 2
    steps = {step: shown.value("headroom_certificate_rotation_step", step=step) for step in ("steady", "retire")}
    assert steps == {"steady": 0, "retire": 1}


def test_where_certificates_come_from_files_there_is_nothing() -> None:
    assert text(None) == ""
