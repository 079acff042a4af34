"""The routes of the Flask application besides /validate."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.support.replica import Judge, ready
from webhook.web.routes import create_app


def client(judge: Judge) -> FlaskClient:
    return create_app(judge.admission).test_client()


def test_the_process_is_alive_whatever_it_knows() -> None:
    answer = client(Judge()).get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_readiness_is_a_code_and_a_reason() -> None:
    answer = client(ready()).get("/readyz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    answer = client(Judge()).get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the ConfigMap headroom-config has not been read yet\n")


@pytest.mark.parametrize("path", ["/metrics", "/", "/api/v1/nodes", "/openapi.json"])
def test_metrics_and_reports_are_not_where_reviews_are_answered(path: str) -> None:
    answer = client(ready()).get(path)
    assert (answer.status_code, answer.text) == (404, f"Not Found: GET {path}\n")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
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
