"""Output: what is committed as data for programs, as a table for people, and the reasons for one footprint."""

import re
from typing import Any

import pytest

from tests.unit.core.manifests.objects import APP, SPEC, TEMPLATE, counted, manifest, one
from webhook.core.manifests.output import data, reasons, subject, table

GI = 1 << 30
MI = 1 << 20


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return manifest("Pod", {"containers": list(containers), **spec}, "v1")


def asks(name: str = "app", **resources: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "resources": resources}


def cells(line: str) -> list[str]:
    """The cells of a row, which at least two spaces separate."""
    return [each for each in line.split("  ") if each]


def reason(name: str, value: dict[str, Any]) -> list[str]:
    """The cells after a name in the reasons for a footprint."""
    found = [cells(line.strip()) for line in reasons(one(value))]
    return next([each.strip() for each in row[1:]] for row in found if row[0] == name)


def test_from_two_objects_on_there_is_a_total() -> None:
    objects = [manifest("Pod", SPEC, "v1") | {"metadata": {"name": name}} for name in "abc"]
    for number, rows in ((1, 2), (2, 4), (3, 5)):
        lines = table(counted(*objects[:number]).holdings)
        assert len(lines) == rows
        assert lines[-1].startswith("Total") is (number > 1)


@pytest.mark.parametrize(
    ("containers", "memory", "cpu"),
    [
        ([{"name": "a"}], (0, None, True), (0, None)),
        ([{"name": "a", "resources": {"limits": {"memory": 0}}}], (0, None, True), (0, None)),
        ([APP, {"name": "b"}], (GI, GI, True), (0, None)),
        ([APP | {"resources": {"limits": {"memory": "1Gi", "cpu": "1500u"}}}], (GI, GI, False), (2, 2)),
    ],
)
def test_no_limit_is_no_zero(containers: list[Any], memory: tuple[int, int | None, bool], cpu: Any) -> None:
    [datum] = data([one(manifest("Pod", {"containers": containers}, "v1"))])
    assert tuple(datum["memory"].values()) == memory
    assert tuple(datum["cpu"].values()) == cpu


def test_reasons_name_who_has_no_limit_and_what_has_ended() -> None:
    sidecar = {"name": "side\nways", "restartPolicy": "Always"}
    init = [{"name": "once"}, sidecar]
    pod = manifest("Pod", {"containers": [APP], "initContainers": init}, "v1", status={"phase": "Failed"})
    assert [line.strip() for line in reasons(one(pod))[-2:]] == [
        "no memory limit: side\\nways; with missingLimits: count-request the limits count 1Gi",
        "it has run to its end (Failed), so nothing of it counts",
    ]


def test_data_has_the_fields_of_one_replica() -> None:
    app = asks(requests={"memory": "1Mi", "cpu": "250m"}, limits={"memory": "2Mi"})
    value = manifest("Deployment", {"template": {"spec": {"containers": [app]}}, "replicas": 3})
    assert data([one(value)]) == [
        {
            "kind": "Deployment",
            "namespace": "here",
            "name": "it",
            "replicas": 3,
            "memory": {"requestsBytes": MI, "limitsBytes": 2 * MI, "unbounded": False},
            "cpu": {"requestsMillis": 250, "limitsMillis": None},
            "guessedAt": None,
        }
    ]


def test_data_says_per_node_and_no_namespace_with_null_and_where_a_template_was_guessed() -> None:
    agents = manifest("DaemonSet", TEMPLATE)
    del agents["metadata"]["namespace"]
    rollout = manifest("Rollout", TEMPLATE, "example.com/v1")
    (first,), (second,) = data([one(agents)]), data([one(rollout, guess=True)])
    assert (first["replicas"], first["namespace"], first["guessedAt"]) == (None, None, None)
    assert (second["replicas"], second["guessedAt"]) == (1, "spec.template")


def test_the_table_multiplies_by_the_replicas_and_says_what_has_no_limit() -> None:
    web = manifest("Deployment", {**TEMPLATE, "replicas": 3})
    half = pod(asks("a", limits={"memory": "1Gi", "cpu": "1500m"}), asks("b", requests={"memory": "1Gi"}))
    head, first, second, total = table(counted(web, half).holdings)
    assert re.split(r"  +", head) == [
        *("KIND", "NAMESPACE", "NAME", "REPLICAS", "MEMORY REQUESTS", "MEMORY LIMITS", "CPU REQUESTS", "CPU LIMITS")
    ]
    assert [each.strip() for each in cells(first)] == ["Deployment", "here", "it", "3", "3Gi", "3Gi", "0", "no limit"]
    assert [each.strip() for each in cells(second)] == [
        *("Pod", "here", "it", "1", "2Gi", "1Gi + no limit", "1.5", "1.5 + no limit"),
    ]
    assert [each.strip() for each in cells(total)] == ["Total", "5Gi", "4Gi + no limit", "1.5", "1.5 + no limit"]


def test_columns_stand_below_their_heads_and_no_line_ends_in_spaces() -> None:
    lines = table(counted(manifest("Deployment", {**TEMPLATE, "replicas": 300}), manifest("Job", TEMPLATE)).holdings)
    column = lines[0].index("MEMORY REQUESTS")
    assert {line[column - 2 : column] for line in lines} == {"  "}
    assert all(line == line.rstrip() for line in lines)


def test_daemon_sets_are_shown_per_node_and_left_out_of_the_total() -> None:
    lines = table(counted(manifest("DaemonSet", TEMPLATE), manifest("Job", TEMPLATE, "batch/v1"), pod(APP)).holdings)
    assert "per node" in lines[1]
    assert lines[-1].split() == ["Total", "DaemonSets", "aside", "2Gi", "2Gi", "0", "no", "limit"]
    assert len(table(counted(manifest("DaemonSet", TEMPLATE), pod(APP)).holdings)) == 3, "one object needs no total"


def test_names_are_made_harmless_and_short() -> None:
    value = manifest("Pod", SPEC, "v1")
    value["metadata"] = {"name": "a\x1b[31m", "namespace": "n" * 200}
    (_, row) = table(counted(value).holdings)
    assert "a\\x1b[31m" in row
    assert "n" * 61 not in row
    assert subject(one(value)).isprintable()
    assert len(subject(one(value))) < 200


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"name": "web", "namespace": "shop"}, "Pod shop/web"),
        ({"name": "web"}, "Pod web"),
        ({"generateName": "web-", "namespace": "shop"}, "Pod shop/web-"),
        ({}, "Pod"),
    ],
)
def test_a_subject_is_kind_namespace_and_name(metadata: dict[str, str], named: str) -> None:
    value = manifest("Pod", SPEC, "v1") | {"metadata": metadata}
    assert subject(one(value)) == named
    assert reasons(one(value))[0] == named


def test_reasons_bracket_what_does_not_count_because_another_part_does() -> None:
    small, large = asks(requests={"memory": "1Gi"}), asks("init", requests={"memory": "4Gi"})
    peak = pod(small, initContainers=[large])
    assert reason("containers", peak)[0] == "(1Gi)"
    assert reason("init peak", peak)[0] == "4Gi"
    assert reason("one pod", peak)[0] == "4Gi"
    whole = pod(small, initContainers=[large], resources={"requests": {"memory": "2Gi"}}, overhead={"memory": "1Mi"})
    assert [reason(name, whole)[0] for name in ("containers", "init peak", "pod level", "overhead", "one pod")] == [
        *("(1Gi)", "(4Gi)", "2Gi", "1Mi", "2049Mi"),
    ]


def test_reasons_leave_out_the_parts_that_come_to_nothing() -> None:
    named = [line.strip().split("  ")[0] for line in reasons(one(pod(APP)))]
    assert named == ["Pod here/it", "MEMORY REQUESTS", "containers", "one pod"]


def test_reasons_name_a_guess_and_an_overhead_that_counts_twice() -> None:
    rollout = manifest("Rollout", TEMPLATE, "example.com/v1")
    assert reasons(one(rollout, guess=True))[-1] == (
        "  guessed: its pods are taken to be of the template at spec.template"
    )
    status = {"allocatedResources": {"memory": "109Mi"}, "resources": {"requests": {"memory": "100Mi"}}}
    value = pod(asks(requests={"memory": "100Mi"}), overhead={"memory": "9Mi"}) | {"status": status}
    told = [line for line in reasons(one(value)) if "overhead counts twice" in line]
    assert len(told) == 1
    assert "in the memory requests, " in told[0]
