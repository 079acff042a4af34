"""The routes of the reporting address."""

import json
import logging
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, Counter

from tests.support import pykles
from tests.support.reports import FixedRefusals, FixedReport, Reports, blocked, denial, node, settings, sources
from webhook.web.answers import Answers
from webhook.web.reporting_routes import create_reporting_app
from webhook.web.sources import Settings, Sources, UsageError


def client(given: Sources | None = None, unready: str | None = None, unhealthy: str | None = None) -> FlaskClient:
    shown, registry = given or sources(), CollectorRegistry()
    Counter("some_things", "Some things.", registry=registry).inc(3)
    return create_reporting_app(Answers(shown), shown, registry, lambda: unready, lambda: unhealthy).test_client()


def items(asked: FlaskClient, path: str) -> list[Any]:
    answer = asked.get(path)
    assert (answer.status_code, answer.content_type) == (200, "application/json"), answer.text
    found: list[Any] = answer.get_json()["items"]
    return found


# -- our own -----------------------------------------------------------------------------------------------------------


def test_the_whole_account() -> None:
    answer = client().get("/api/v1/commitment")
    shown = answer.get_json()
    assert (shown["revision"], shown["asOf"], shown["problem"]) == (71, "2026-11-30T12:00:00Z", None)
    assert [each["scope"] for each in shown["scopes"]] == ["cluster", "gpu"]
    assert shown["scopes"][0]["memory"]["requests"]["boundWithoutLargest"] == 12 << 30
    assert shown["scopes"][0]["fragmentation"]["medianRequest"] is None


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("nodes", ["node-1", "node-2", "node-3"]),
        ("pools", ["gpu"]),
        ("namespaces", ["bank", "shop"]),
        ("workloads", ["db", "web"]),
        ("pods", ["b", "a", "c"]),
        ("groups?label=zone", ["a", "b"]),
        ("denials", ["x"]),
        ("blocked", ["web"]),
    ],
)
def test_collections(path: str, names: list[str]) -> None:
    found = items(client(sources(refusals=FixedRefusals(denial("x")))), f"/api/v1/{path}")
    assert [each.get("name") or each["scope"] for each in found] == names


def test_numbers_are_whole_bytes_and_ratios_and_names_are_in_camel_case() -> None:
    (first, *_) = items(client(), "/api/v1/nodes")
    assert first["memory"] == {
        "capacity": 8 << 30,
        "allocatable": 8 << 30,
        "requests": 2 << 30,
        "limits": 4 << 30,
        "requestsRatio": 0.25,
        "limitsRatio": 0.5,
    }
    assert (first["whyNot"], first["podsMax"], first["labels"]) == (None, 110, {"zone": "a"})


def test_a_listing_is_read_page_by_page() -> None:
    asked, names, path = client(), list[str](), "/api/v1/nodes?limit=2&sortBy=-memory.requests"
    answer = asked.get(path).get_json()
    assert answer["metadata"] | {"continue": ""} == {
        "revision": 71,
        "asOf": "2026-11-30T12:00:00Z",
        "problem": None,
        "continue": "",
        "remainingItemCount": 1,
    }
    names += [each["name"] for each in answer["items"]]
    answer = asked.get(f"{path}&continue={answer['metadata']['continue']}").get_json()
    assert (answer["metadata"]["continue"], answer["metadata"]["remainingItemCount"]) == (None, 0)
    assert [*names, *(each["name"] for each in answer["items"])] == ["node-2", "node-3", "node-1"]


def test_many_rows_are_whole_json() -> None:
    report = FixedReport(node_rows=[node(f"n{index:03}") for index in range(230)])
    assert len(items(client(sources(Reports(report))), "/api/v1/nodes")) == 230
    assert items(client(sources(Reports(FixedReport(node_rows=[])))), "/api/v1/nodes") == []


def test_what_narrows_pods_down_is_asked_of_the_report() -> None:
    reports = Reports()
    asked = client(sources(reports))
    asked.get("/api/v1/pods?namespace=shop&workload=Deployment/web")
    asked.get("/api/v1/pods?node=node-1")
    asked.get("/api/v1/groups?label=zone")
    assert reports.report.asked == [
        ("pods", "shop", None, ("Deployment", "web")),
        ("pods", None, "node-1", None),
        ("by_label", "zone"),
    ]


def test_the_configuration_in_force() -> None:
    shown = client().get("/api/v1/config").get_json()
    assert (shown["hash"], shown["mode"], shown["problem"]) == (settings().digest, "enforce", None)
    assert shown["config"]["kind"] == "HeadroomConfig"
    refused = Settings(settings().config, "abc", "mode: write enforce, warn or audit")
    shown = client(sources()._replace(settings=lambda: refused)).get("/api/v1/config").get_json()
    assert shown["problem"] == "mode: write enforce, warn or audit"


# -- what is known already ---------------------------------------------------------------------------------------------

ALL = [
    "/",
    *(f"/api/v1/{name}" for name in ("commitment", "nodes", "pools", "namespaces", "workloads", "pods", "config")),
]


@pytest.mark.parametrize("path", ALL)
def test_what_a_client_has_is_not_sent_again(path: str) -> None:
    asked = client()
    tag = asked.get(path).headers["ETag"]
    again = asked.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert asked.get(path, headers={"If-None-Match": f'"other", {tag}'}).status_code == 304
    assert asked.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert client().get(path).headers["ETag"] == tag, "another replica that shows the same says the same"


@pytest.mark.parametrize("path", ALL[:-1])
def test_an_entity_tag_stays_while_only_time_passes(path: str) -> None:
    reports = Reports()
    asked = client(sources(reports))
    tag = asked.get(path).headers["ETag"]
    reports.change(revision=72, as_of="2026-11-30T12:00:05Z")
    assert asked.get(path).headers["ETag"] == tag


@pytest.mark.parametrize("path", ["/", "/api/v1/nodes", "/api/v1/commitment"])
def test_an_entity_tag_changes_with_what_is_shown(path: str) -> None:
    reports = Reports()
    asked = client(sources(reports))
    tag = asked.get(path).headers["ETag"]
    reports.change(node_rows=[node("other")], scope_rows=())
    assert asked.get(path).headers["ETag"] != tag


def test_an_account_that_grows_stale_is_another_answer() -> None:
    reports = Reports()
    asked = client(sources(reports))
    tag = asked.get("/api/v1/nodes").headers["ETag"]
    reports.change(problem="the watch of pods is broken")
    answer = asked.get("/api/v1/nodes")
    assert answer.headers["ETag"] != tag
    assert answer.get_json()["metadata"]["problem"] == "the watch of pods is broken"


def test_a_refusal_is_shown_at_once() -> None:
    refusals = FixedRefusals()
    asked = client(sources(refusals=refusals))
    assert items(asked, "/api/v1/denials") == []
    refusals.rows.append(denial("x"))
    assert [each["name"] for each in items(asked, "/api/v1/denials")] == ["x"]
    refusals.blocked_rows, refusals.rows = [blocked("api")], [*refusals.rows, denial("y")]
    assert [each["name"] for each in items(asked, "/api/v1/blocked")] == ["api"]


# -- pykles ------------------------------------------------------------------------------------------------------------


def test_nodes_as_pykles_answers() -> None:
    report = FixedReport(node_rows=[node("a"), node("b"), node("c", why_not="deleted")])
    answer = client(sources(Reports(report))).get("/")
    jsonschema_rs.validate(pykles.NODES, answer.get_json())
    assert answer.content_type == "application/json"
    assert [each["NodeName"] for each in answer.get_json()["Nodes"]] == ["a", "b"]


def test_a_client_of_pykles_may_add_what_pykles_ignores() -> None:
    assert client().get("/?cache=off").status_code == 200


def test_usage_as_pykles_answers() -> None:
    found = {"items": [{"metadata": {"name": "a", "namespace": "shop"}, "containers": []}]}
    answer = client(sources(usage=lambda: json.dumps(found).encode())).get("/pod-metrics")
    jsonschema_rs.validate(pykles.METRICS, answer.get_json())
    assert answer.get_json()["Items"][0]["PodName"] == "a"


def missing() -> bytes:
    raise UsageError("metrics.k8s.io is not served: install metrics-server")


@pytest.mark.parametrize(
    ("usage", "told"), [(missing, "install metrics-server"), (lambda: b"[]", "not a PodMetricsList")]
)
def test_usage_that_is_unknown_is_said_to_be_so(usage: Any, told: str) -> None:
    answer = client(sources(usage=usage)).get("/pod-metrics")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.headers["Retry-After"] == "10"
    assert told in answer.get_json()["detail"]


def test_the_probe_of_pykles() -> None:
    assert client().get("/probes").get_json() == {"Message": "OK"}


# -- before there is an account ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/api/v1/nodes", "/api/v1/pods?limit=1"])
def test_before_anything_was_listed_nothing_is_shown_as_empty(path: str) -> None:
    early = FixedReport(revision=0, problem="the pods have not been listed yet", node_rows=[], pod_rows=[])
    asked = client(sources(Reports(early)))
    answer = asked.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.get_json() == {
        "title": "Service Unavailable",
        "status": 503,
        "detail": "there is no account yet: the pods have not been listed yet",
    }
    assert asked.get("/api/v1/commitment").get_json()["problem"] == "the pods have not been listed yet"


# -- probes and metrics ------------------------------------------------------------------------------------------------


def test_probes_speak_for_the_reviews() -> None:
    asked = client(unready="no share", unhealthy="stands still")
    assert (asked.get("/readyz").status_code, asked.get("/readyz").text) == (503, "no share\n")
    assert (asked.get("/healthz").status_code, asked.get("/healthz").text) == (503, "stands still\n")
    asked = client()
    assert [asked.get(path).text for path in ("/readyz", "/healthz")] == ["ok\n", "ok\n"]


def test_metrics_are_prometheus_text() -> None:
    answer = client().get("/metrics")
    assert answer.content_type == "text/plain; version=1.0.0; charset=utf-8"
    assert "some_things_total 3.0" in answer.text


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "parameter", "detail"),
    [
        ("/api/v1/nodes?limt=3", 400, "limt", "there is no parameter 'limt' here; did you mean 'limit'?"),
        ("/api/v1/nodes?labelSelector=a%20b", 400, "labelSelector", "'a b' is not a requirement of a label"),
        ("/api/v1/pods?workload=web", 400, "workload", "'web' is not KIND/NAME: write for example Deployment/web"),
        ("/api/v1/nodes?continue=x", 400, "continue", "this token belongs to no listing"),
        ("/api/v1/groups", 400, "label", "label is missing"),
        ("/api/v1/commitment?x=1", 400, "x", "there is no parameter 'x' here; there are none"),
        ("/api/v1/events?x=1", 400, "x", "there is no parameter 'x' here; there are none"),
        ("/api/v1/event", 404, None, "did you mean /api/v1/events?"),
        ("/api/v1/node", 404, None, "there is nothing at '/api/v1/node'; did you mean /api/v1/nodes?"),
        ("/api/v1/nodes/", 404, None, "did you mean /api/v1/nodes?"),
        ("/nothing", 404, None, "/openapi.json lists what there is"),
        ("/api/v1/denials", 404, None, "there is nothing at '/api/v1/denials'"),
    ],
)
def test_errors_say_what_to_do(path: str, status: int, parameter: str | None, detail: str) -> None:
    answer = client().get(path)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    told = answer.get_json()
    assert told["status"] == status
    assert told.get("parameter") == parameter
    assert detail in told["detail"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/", "/api/v1/nodes", "/openapi.json", "/metrics", "/pod-metrics", "/api/v1/events"])
def test_everything_is_only_read(method: str, path: str) -> None:
    answer = getattr(client(), method)(path)
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert answer.get_json()["detail"].endswith("is not possible here: use GET")


def test_an_unforeseen_error_shows_nothing_of_the_code(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    answer = client(sources(usage=lambda: bytes(1 // 0))).get("/pod-metrics")
    assert answer.get_json() == {
        "title": "Internal Server Error",
        "status": 500,
        "detail": "an unforeseen error, see Headroom's log",
    }
    assert "ZeroDivisionError" in caplog.text


def test_no_answer_is_taken_for_another_type() -> None:
    for path in ("/", "/api/v1/nodes", "/nothing", "/healthz"):
        assert client().get(path).headers["X-Content-Type-Options"] == "nosniff"
