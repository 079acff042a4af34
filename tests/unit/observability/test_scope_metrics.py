"""What is committed of what threshold, in each scope, as a scrape shows it."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from tests.support.accounts import HIGH_MEM, node, pod
from tests.support.metered import ALL_BOUNDED, Metered, metered
from tests.support.replica import ready, response, review
from webhook.core.ledger.info import PodInfo
from webhook.core.values.amounts import Amounts

GI = 1 << 30


@pytest.fixture
def replica(tmp_path: Path) -> Metered:
    return metered(ready(), tmp_path)


def test_requests_and_limits_are_told_apart_in_what_a_metric_says_it_is(tmp_path: Path) -> None:
    found = metered(ready(ALL_BOUNDED), tmp_path)
    of_scopes = [f for f in text_string_to_metric_families(found.text()) if f.name.startswith("headroom_scope_")]
    texts = [family.documentation for family in of_scopes]
    assert len(set(texts)) == len(texts) - 1, "only that of pods without a limit is for memory and cpu alike"
    for family in of_scopes:
        for word in ("requests", "limits"):
            if f"_{word}_" in family.name:
                assert word in family.documentation


def test_scopes_show_what_is_committed_of_what_bound(tmp_path: Path) -> None:
    judge = ready(ALL_BOUNDED)
    judge.admission.state.see_pod(pod("a", 2, "node", limits=3, cpu=1500, revision=101))
    shown = metered(judge, tmp_path).shown()
    figures = {
        "memory_allocatable_bytes": 8 * GI,
        "memory_requests_bytes": 2 * GI,
        "memory_requests_bound_bytes": 8 * GI,
        "memory_limits_bytes": 3 * GI,
        "memory_limits_bound_bytes": 16 * GI,
        "cpu_allocatable_cores": 4,
        "cpu_requests_cores": 1.5,
        "cpu_requests_bound_cores": 4,
        "cpu_limits_cores": 1.5,
    }
    assert {name: shown.value(f"headroom_scope_{name}", scope="cluster") for name in figures} == figures
    assert shown.value("headroom_pods") == 1


def test_pods_without_a_limit_are_counted_apart(tmp_path: Path) -> None:
    judge = ready(ALL_BOUNDED)
    endless = Amounts(memory_requests=GI, memory_limits_filled=GI, memory_unbounded=1)
    judge.admission.state.see_pod(PodInfo("default/monster", "uid", 101, endless, "node"))
    judge.admission.state.see_pod(pod("tame", 2, "node", limits=3, cpu=1500, revision=102))
    shown = metered(judge, tmp_path).shown()
    assert shown.value("headroom_scope_memory_unbounded_pods", scope="cluster") == 1
    assert shown.value("headroom_scope_cpu_unbounded_pods", scope="cluster") == 0


def test_what_is_not_bounded_is_not_shown(replica: Metered) -> None:
    assert "headroom_scope_memory_limits_bytes" not in replica.shown()
    assert "headroom_scope_cpu_requests_cores" not in replica.shown()


def test_declared_limits_are_shown_beside_those_that_count(tmp_path: Path) -> None:
    judge = ready(ALL_BOUNDED)
    endless = Amounts(memory_requests=GI, memory_limits=GI // 2, memory_limits_filled=3 * GI // 2, memory_unbounded=1)
    judge.admission.state.see_pod(PodInfo("default/monster", "uid", 101, endless, "node"))
    judge.admission.state.see_pod(pod("tame", 2, "node", limits=3, cpu=1500, revision=102))
    shown = metered(judge, tmp_path).shown()
    assert shown.value("headroom_scope_memory_limits_bytes", scope="cluster") == 4.5 * GI
    assert shown.value("headroom_scope_memory_limits_declared_bytes", scope="cluster") == 3.5 * GI
    assert shown.value("headroom_scope_cpu_limits_declared_cores", scope="cluster") == 1.5


def test_each_pool_is_a_scope(tmp_path: Path) -> None:
    judge = ready(HIGH_MEM)
    judge.admission.state.see_node(node("big", 100, pool="high-mem"))
    shown = metered(judge, tmp_path).shown()
    assert shown.value("headroom_scope_memory_requests_bound_bytes", scope="high-mem") == 75 * GI
    assert shown.value("headroom_scope_memory_requests_bound_bytes", scope="cluster") == 108 * GI


def test_what_waits_for_a_node_is_shown_and_what_stands_apart(tmp_path: Path) -> None:
    judge = ready("thresholds: {memory: {requests: 100%}}\noverrides: [{namespaces: [default], mode: warn}]")
    waits = pod("waits", 3, revision=101)
    state = judge.admission.state
    state.see_pod(waits)
    state.see_pod(pod("runs", 1, "node", revision=102))
    state.see_pod(replace(pod("huge", 9, revision=103), name="tenant/huge"))
    state.see_pod(pod("huge", 17, revision=104))
    shown = metered(judge, tmp_path).shown()
    assert [
        shown.value(f"headroom_scope_memory_requests{figure}_bytes", scope="cluster") / GI
        for figure in ("", "_pending", "_unplaceable", "_apart")
    ] == [13, 12, 9, 17]
    assert "headroom_scope_memory_limits_pending_bytes" not in shown


def test_what_is_kept_for_the_loss_of_nodes_is_shown(tmp_path: Path) -> None:
    judge = ready("reserve: {nodes: 1}\nthresholds: {memory: {requests: 50%}, cpu: {requests: 50%}}")
    shown = metered(judge, tmp_path).shown()
    assert shown.value("headroom_scope_memory_requests_reserve_bytes", scope="cluster") == 8 * GI
    assert shown.value("headroom_scope_cpu_requests_reserve_cores", scope="cluster") == 4


def test_what_this_replica_holds_is_shown(replica: Metered) -> None:
    assert replica.shown().value("headroom_allotted_memory_bytes", scope="cluster") == 4 * GI
    assert "headroom_allotted_memory_limits_bytes" not in replica.shown(), "nothing bounds them"


def test_what_is_reserved_and_held_is_shown_of_limits_and_cpu_too(tmp_path: Path) -> None:
    judge = ready(ALL_BOUNDED)
    request = json.loads(review())["request"]["object"]
    resources = {"requests": {"memory": "1Gi", "cpu": "250m"}, "limits": {"memory": "2Gi", "cpu": "500m"}}
    request["spec"]["containers"][0]["resources"] = resources
    response(judge.ask(review(object=request)))
    shown = metered(judge, tmp_path).shown()
    reserved = {
        name: shown.value(f"headroom_reserved_{name}", scope="cluster")
        for name in ("memory_bytes", "memory_limits_bytes", "cpu_requests_cores", "cpu_limits_cores")
    }
    assert reserved == {
        "memory_bytes": GI,
        "memory_limits_bytes": 2 * GI,
        "cpu_requests_cores": 0.25,
        "cpu_limits_cores": 0.5,
    }
    assert shown.value("headroom_allotted_cpu_limits_cores", scope="cluster") >= 0.5


def test_what_could_be_committed_without_the_largest_node_is_shown(tmp_path: Path) -> None:
    for settings, left in (("", 8), ("reserve: {nodes: 1}\n", 8)):
        judge = ready(settings + ALL_BOUNDED)
        judge.admission.state.see_node(node("large", 24))
        shown = metered(judge, tmp_path).shown()
        assert shown.value("headroom_scope_memory_requests_bound_without_largest_bytes") == left * GI
        assert shown.value("headroom_scope_cpu_requests_bound_without_largest_cores") == 4
