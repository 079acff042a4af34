"""The routes of the Flask application besides /validate."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from tests.support.replica import Judge, ready
from webhook.web.routes import create_app


def client(judge: Judge, registry: CollectorRegistry | None = None) -> FlaskClient:
    return create_app(judge.admission, registry or CollectorRegistry()).test_client()


def test_the_process_is_alive_whatever_it_knows() -> None:
    answer = client(Judge()).get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_readiness_is_a_code_and_a_reason() -> None:
    answer = client(ready()).get("/readyz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    answer = client(Judge()).get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the ConfigMap headroom-config has not been read yet\n")


def test_metrics_are_prometheus_text() -> None:
    registry = CollectorRegistry()
    Counter("some_things", "Some things.", registry=registry).inc(3)
    answer = client(Judge(), registry).get("/metrics")
    assert answer.content_type == "text/plain; version=1.0.0; charset=utf-8"
    samples = [s for family in text_string_to_metric_families(answer.text) for s in family.samples]
    assert ("some_things_total", 3.0) in [(s.name, s.value) for s in samples]


@pytest.mark.parametrize("method", ["post", "put", "delete"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_is_read_only_is_405_to_others(method: str, path: str) -> None:
    assert getattr(client(Judge()), method)(path).status_code == 405


def test_an_unknown_path_is_404_in_one_line() -> None:
    answer = client(Judge()).get("/<script>")
    assert (answer.status_code, answer.text) == (404, "Not Found: GET /%3Cscript%3E\n")
    assert answer.content_type == "text/plain; charset=utf-8", "so no browser takes it for markup"


def test_an_unforeseen_error_is_500_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    judge = ready()
    fail: Callable[[], None] = lambda: 1 // 0  # type: ignore[assignment]  # noqa: E731 - it only raises
    monkeypatch.setattr(judge.admission.state.readiness, "unready", fail)
    answer = client(judge).get("/readyz")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error: GET /readyz\n")
    assert "ZeroDivisionError" in caplog.text
