"""Errors as RFC 9457 writes them."""

import json

from webhook.web.problems import problem, unknown_path


def test_a_problem_is_json_of_its_own_type() -> None:
    answer = problem(400, "write a number", "limit")
    assert (answer.status, answer.content_type, answer.retry_after) == (400, "application/problem+json", None)
    assert json.loads(answer.body) == {
        "title": "Bad Request",
        "status": 400,
        "detail": "write a number",
        "parameter": "limit",
    }


def test_what_is_not_known_is_left_out() -> None:
    assert json.loads(problem(503, "later", retry_after=3).body).keys() == {"title", "status", "detail"}
    assert problem(503, "later", retry_after=3).retry_after == 3


def test_a_path_that_is_nearly_right_is_named() -> None:
    paths = ["/api/v1/nodes", "/api/v1/pods"]
    assert "did you mean /api/v1/nodes?" in json.loads(unknown_path("/api/v1/node", paths).body)["detail"]
    assert "/openapi.json lists what there is" in json.loads(unknown_path("/x", paths).body)["detail"]


def test_a_long_path_is_not_repeated_in_full() -> None:
    assert len(unknown_path("/" + "x" * 4000, []).body) < 400
