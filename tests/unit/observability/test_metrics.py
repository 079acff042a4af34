"""Metrics: every name, its labels and its unit are a promise to dashboards and alerts, so each is pinned here."""

import json
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from tests.support.accounts import HIGH_MEM, node, pod
from tests.support.certificates import FIRST
from tests.support.configs import SMALLEST
from tests.support.metered import ALL_BOUNDED, WALL, Metered, metered
from tests.support.replica import Judge, ready, response, review, waits
from tests.unit.core.quotas.making import a_quota
from webhook.admission.pods import PodAdmission
from webhook.admission.workloads import WorkloadAdmission
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.sharing.allotment import Timing
from webhook.core.sharing.credit import SHARES
from webhook.core.values.amounts import Amounts
from webhook.observability.metrics import EarlyAnswers

GI = 1 << 30
REVIEW = {"operation", "kind", "verdict", "reason", "dry_run"}
PINNED = {
    "headroom_account_drifts": ("gauge", set()),
    "headroom_admission_duration_seconds": ("histogram", {"le"}),
    "headroom_admission_reviews": ("counter", REVIEW),
    "headroom_admission_sent_back": ("counter", set()),
    "headroom_admission_awaited_earlier_pods": ("counter", set()),
    "headroom_allotted_cpu_limits_cores": ("gauge", {"scope"}),
    "headroom_allotted_cpu_requests_cores": ("gauge", {"scope"}),
    "headroom_allotted_memory_bytes": ("gauge", {"scope"}),
    "headroom_allotted_memory_limits_bytes": ("gauge", {"scope"}),
    "headroom_audit_lines_dropped": ("counter", set()),
    "headroom_booking_writes": ("counter", {"outcome"}),
    "headroom_build_info": ("gauge", {"version"}),
    "headroom_certificate_expiry_timestamp_seconds": ("gauge", set()),
    "headroom_config_info": ("gauge", {"hash", "mode"}),
    "headroom_config_last_reload_success": ("gauge", set()),
    "headroom_early_answers": ("counter", {"kind", "verdict", "dry_run"}),
    "headroom_events_dropped": ("counter", set()),
    "headroom_events_written": ("counter", set()),
    "headroom_hand_backs": ("counter", set()),
    "headroom_history_restarts": ("counter", set()),
    "headroom_live_pods": ("gauge", set()),
    "headroom_pods": ("gauge", set()),
    "headroom_pool_overlap_nodes": ("gauge", set()),  # {pool, other} where there are any
    "headroom_quotas": ("gauge", set()),
    "headroom_quotas_synced": ("gauge", set()),
    "headroom_ready": ("gauge", set()),
    "headroom_recounts": ("counter", set()),
    "headroom_reservations": ("gauge", {"state"}),
    "headroom_reservations_expired": ("counter", set()),
    "headroom_reserve_nodes": ("gauge", {"scope"}),
    "headroom_reserve_used_nodes": ("gauge", {"scope"}),
    "headroom_reserved_cpu_limits_cores": ("gauge", {"scope"}),
    "headroom_reserved_cpu_requests_cores": ("gauge", {"scope"}),
    "headroom_reserved_memory_bytes": ("gauge", {"scope"}),
    "headroom_reserved_memory_limits_bytes": ("gauge", {"scope"}),
    "headroom_subjects_in_bad_standing": ("gauge", set()),
    "headroom_scope_cpu_allocatable_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_bound_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_declared_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_reserve_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_pending_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_unplaceable_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_apart_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_bound_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_reserve_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_pending_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_unplaceable_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_apart_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_unbounded_pods": ("gauge", {"scope"}),
    "headroom_scope_memory_allocatable_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_bound_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_declared_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_reserve_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_pending_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_unplaceable_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_apart_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_requests_bound_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_requests_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_unbounded_pods": ("gauge", {"scope"}),
    "headroom_scope_memory_requests_reserve_bytes": ("gauge", {"scope"}),
    "headroom_unconfined_bind_memory_bytes": ("counter", set()),  # {pool} where there are any
    "headroom_unconfined_binds": ("counter", set()),
    "headroom_scope_memory_requests_pending_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_requests_unplaceable_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_requests_apart_bytes": ("gauge", {"scope"}),
    "headroom_unreviewed_growth_memory_bytes": ("counter", set()),
    "headroom_unreviewed_growths": ("counter", set()),
    "headroom_watch_last_event_timestamp_seconds": ("gauge", {"resource"}),
}


@pytest.fixture
def replica(tmp_path: Path) -> Metered:
    return metered(ready(), tmp_path)


def test_the_exposition_is_pinned(tmp_path: Path) -> None:
    judge = ready(ALL_BOUNDED)
    found = metered(judge, tmp_path)
    response(judge.ask(review()))
    early = EarlyAnswers(found.registry)
    WorkloadAdmission(judge.admission.account, lambda *_: b"", early.record, early.record).review(review(), 1.0)
    families = {family.name: family for family in text_string_to_metric_families(found.text())}
    shown = {
        name: (family.type, {label for sample in family.samples for label in sample.labels})
        for name, family in families.items()
    }
    assert shown == PINNED


def test_requests_and_limits_are_told_apart_in_what_a_metric_says_it_is(tmp_path: Path) -> None:
    found = metered(ready(ALL_BOUNDED), tmp_path)
    of_scopes = [f for f in text_string_to_metric_families(found.text()) if f.name.startswith("headroom_scope_")]
    texts = [family.documentation for family in of_scopes]
    assert len(set(texts)) == len(texts) - 1, "only that of pods without a limit is for memory and cpu alike"
    for family in of_scopes:
        for word in ("requests", "limits"):
            if f"_{word}_" in family.name:
                assert word in family.documentation


def test_every_metric_says_what_it_is(replica: Metered) -> None:
    for family in text_string_to_metric_families(replica.text()):
        assert family.documentation.endswith("."), family.name


def test_decisions_are_counted_by_what_was_asked_and_said(replica: Metered) -> None:
    judge = replica.judge
    for body in [review("a"), review("b"), review("c", "9Gi"), review("d", dryRun=True), review(operation="DELETE")]:
        response(judge.ask(body))
    response(judge.ask(review("e", kind={"group": "apps", "kind": "Deployment"})))
    shown = replica.shown()
    name = "headroom_admission_reviews_total"
    fits = {"operation": "CREATE", "kind": "Pod", "verdict": "allow", "reason": "Fits"}
    assert shown.value(name, **fits, dry_run="false") == 2
    assert shown.value(name, **fits, dry_run="true") == 1
    assert shown.value(name, verdict="deny", reason="MemoryCommitmentExceeded") == 1
    assert shown.value(name, operation="DELETE", reason="NotJudged") == 1
    assert shown.value(name, kind="other", verdict="deny") == 1
    assert shown.value(name) == shown.value("headroom_admission_duration_seconds_count") == 6


def test_labels_are_few_whatever_is_asked(replica: Metered) -> None:
    for index in range(300):
        kind = {"group": f"g{index}", "kind": f"Kind{index}"}
        response(replica.judge.ask(review(f"n{index}", kind=kind, operation=f"OP{index}", namespace=f"ns{index}")))
        response(replica.judge.ask(review(f"n{index}", operation=f"OP{index}", namespace=f"ns{index}")))
    samples = [line for line in replica.text().splitlines() if line.startswith("headroom_admission_reviews_total")]
    assert len(samples) == 2


def test_a_decision_that_waited_is_timed_with_its_wait(replica: Metered) -> None:
    waits(replica.judge.ask(review(memory="8Gi")))
    replica.judge.clock.wait(1.0)
    replica.judge.book()
    assert replica.shown().value("headroom_admission_duration_seconds_sum") == 1.0


def test_what_was_sent_back_is_counted(tmp_path: Path) -> None:
    found = metered(Judge(), tmp_path)
    for _ in range(3):
        found.judge.ask(review())
    assert found.shown().value("headroom_admission_sent_back_total") == 3
    assert found.shown().value("headroom_admission_reviews_total") == 0


def test_what_has_to_wait_for_earlier_pods_is_counted(tmp_path: Path) -> None:
    found = metered(ready("", 16, SHARES), tmp_path)
    name = "headroom_admission_awaited_earlier_pods_total"
    response(found.judge.ask(review("first", "8Gi")))
    assert found.shown().value(name) == 0
    waits(found.judge.ask(review("second", "4Gi")))
    assert found.shown().value(name) == 1


def test_scopes_show_what_is_committed_of_what_bound(tmp_path: Path) -> None:
    judge = ready(ALL_BOUNDED)
    judge.admission.account.see_pod(pod("a", 2, "node", limits=3, cpu=1500, revision=101))
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
    judge.admission.account.see_pod(PodInfo("default/monster", "uid", 101, endless, "node"))
    judge.admission.account.see_pod(pod("tame", 2, "node", limits=3, cpu=1500, revision=102))
    shown = metered(judge, tmp_path).shown()
    assert shown.value("headroom_scope_memory_unbounded_pods", scope="cluster") == 1
    assert shown.value("headroom_scope_cpu_unbounded_pods", scope="cluster") == 0


def test_what_is_not_bounded_is_not_shown(replica: Metered) -> None:
    assert "headroom_scope_memory_limits_bytes" not in replica.shown()
    assert "headroom_scope_cpu_requests_cores" not in replica.shown()


def test_declared_limits_are_shown_beside_those_that_count(tmp_path: Path) -> None:
    judge = ready(ALL_BOUNDED)
    endless = Amounts(memory_requests=GI, memory_limits=GI // 2, memory_limits_filled=3 * GI // 2, memory_unbounded=1)
    judge.admission.account.see_pod(PodInfo("default/monster", "uid", 101, endless, "node"))
    judge.admission.account.see_pod(pod("tame", 2, "node", limits=3, cpu=1500, revision=102))
    shown = metered(judge, tmp_path).shown()
    assert shown.value("headroom_scope_memory_limits_bytes", scope="cluster") == 4.5 * GI
    assert shown.value("headroom_scope_memory_limits_declared_bytes", scope="cluster") == 3.5 * GI
    assert shown.value("headroom_scope_cpu_limits_declared_cores", scope="cluster") == 1.5


def test_pods_fall_with_a_cordon_as_the_sums_do(tmp_path: Path) -> None:
    for settings, left in ((ALL_BOUNDED, 1), (f"reserve: {{nodes: 1}}\n{ALL_BOUNDED}", 3)):
        judge = ready(settings)
        account = judge.admission.account
        found = metered(judge, tmp_path)
        account.see_node(node("other", 8))
        account.see_node(node("third", 8))
        for number, at in enumerate(("node", "node", "other")):
            account.see_pod(pod(f"p{number}", 1, at, revision=101 + number))
        assert found.shown().value("headroom_pods") == 3
        account.see_node(node("node", 8, cordoned=True))
        shown = found.shown()
        assert (shown.value("headroom_pods"), shown.value("headroom_live_pods")) == (left, 3)
        assert shown.value("headroom_scope_memory_requests_bytes", scope="cluster") == left * GI, "as the sums do"
        account.see_node(node("node", 8))
        assert found.shown().value("headroom_pods") == 3


def test_pods_on_a_node_that_is_tainted_away_or_that_stand_apart_are_not_among_those_that_count(tmp_path: Path) -> None:
    judge = ready("thresholds: {memory: {requests: 100%}}\noverrides: [{namespaces: [tenant], mode: warn}]")
    account = judge.admission.account
    found = metered(judge, tmp_path)
    account.see_node(node("other", 8))
    account.see_pod(pod("runs", 1, "node", revision=101))
    account.see_pod(pod("stays", 1, "other", revision=102))
    huge = replace(pod("huge", 99, revision=103), name="tenant/huge")
    account.see_pod(huge)
    assert found.shown().value("headroom_pods") == 2
    account.see_node(node("node", 8, taints=frozenset({"node-role.kubernetes.io/control-plane"})))
    assert found.shown().value("headroom_pods") == 1
    account.pod_gone(replace(huge, revision=104))
    account.pod_gone(pod("runs", 1, "node", revision=105))
    assert found.shown().value("headroom_pods") == 1


def test_each_pool_is_a_scope(tmp_path: Path) -> None:
    judge = ready(HIGH_MEM)
    judge.admission.account.see_node(node("big", 100, pool="high-mem"))
    shown = metered(judge, tmp_path).shown()
    assert shown.value("headroom_scope_memory_requests_bound_bytes", scope="high-mem") == 75 * GI
    assert shown.value("headroom_scope_memory_requests_bound_bytes", scope="cluster") == 108 * GI


def test_what_waits_for_a_node_is_shown_and_what_stands_apart(tmp_path: Path) -> None:
    judge = ready("thresholds: {memory: {requests: 100%}}\noverrides: [{namespaces: [default], mode: warn}]")
    waits = pod("waits", 3, revision=101)
    account = judge.admission.account
    account.see_pod(waits)
    account.see_pod(pod("runs", 1, "node", revision=102))
    account.see_pod(replace(pod("huge", 9, revision=103), name="tenant/huge"))
    account.see_pod(pod("huge", 17, revision=104))
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


def test_nodes_that_two_pools_select_are_shown(tmp_path: Path) -> None:
    judge = ready("pools: [{name: large, nodeSelector: {pool: large}}, {name: old, nodeSelector: {zone: a}}]")
    for name in ("a", "b"):
        facts = NodeInfo(name, Allocatable(1, 1), True, labels=(("pool", "large"), ("zone", "a")))
        judge.admission.account.see_node(facts)
    shown = metered(judge, tmp_path).shown()
    assert shown.value("headroom_pool_overlap_nodes", pool="large", other="old") == 2


def test_reservations_are_open_then_seen_then_retired(replica: Metered) -> None:
    judge, name = replica.judge, "headroom_reservations"
    response(judge.ask(review(memory="2Gi")))
    shown = replica.shown()
    assert (shown.value(name, state="open"), shown.value(name)) == (1, 1)
    assert shown.value("headroom_reserved_memory_bytes", scope="cluster") == 2 * GI
    judge.admission.account.see_pod(pod("web", 2, "node", uid="pod-web", revision=101))
    shown = replica.shown()
    assert (shown.value(name, state="seen"), shown.value(name)) == (1, 1)
    assert shown.value("headroom_reserved_memory_bytes") == 0
    judge.clock.wait(Timing().renew)
    judge.book()
    assert replica.shown().value(name) == 0


def test_reservations_that_nobody_used_are_orphaned_then_expired(replica: Metered) -> None:
    judge, name = replica.judge, "headroom_reservations"
    response(judge.ask(review(memory="2Gi")))
    judge.clock.wait(Timing().lapse)
    shown = replica.shown()
    assert (shown.value(name, state="orphaned"), shown.value(name, state="open")) == (1, 0)
    assert shown.value("headroom_reservations_expired_total") == 0
    judge.admission.account.prove(judge.clock())
    assert replica.shown().value(name, state="orphaned") == 0
    assert replica.shown().value("headroom_reservations_expired_total") == 1


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


def test_bookings_are_counted_by_their_outcome(replica: Metered) -> None:
    tally = replica.booking.tally
    tally.written, tally.conflicts, tally.failed, tally.unanswered, tally.hand_backs = 1, 2, 3, 4, 5
    shown, name = replica.shown(), "headroom_booking_writes_total"
    assert [shown.value(name, outcome=o) for o in ("written", "conflict", "failed", "unanswered")] == [1, 2, 3, 4]
    assert shown.value("headroom_hand_backs_total") == 5


def test_when_a_watch_last_told_anything_is_shown_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    judge, name = Judge(), "headroom_watch_last_event_timestamp_seconds"
    found = metered(judge, tmp_path)
    assert name not in found.shown()
    judge.sync()
    judge.clock.wait(30.0)
    judge.admission.account.bookmark(200)
    judge.clock.wait(10.0)
    assert found.shown().value(name, resource="pods") == WALL - 10
    assert found.shown().value(name, resource="nodes") == WALL - 40


def test_readiness_and_settings_are_shown(tmp_path: Path) -> None:
    found = metered(Judge(), tmp_path)
    assert found.shown().value("headroom_ready") == 0
    assert found.shown().value("headroom_config_last_reload_success") == 0
    found.settings.read({"config.yaml": SMALLEST})
    found.judge.sync()
    found.judge.prepare()
    shown = found.shown()
    assert shown.value("headroom_ready") == 1
    assert shown.value("headroom_config_last_reload_success") == 1
    assert shown.labels("headroom_config_info") == {
        "hash": found.judge.admission.account.basis.config_hash,
        "mode": "enforce",
    }
    found.settings.read({"config.yaml": "no"})
    assert found.shown().value("headroom_config_last_reload_success") == 0
    assert found.shown().labels("headroom_config_info") == shown.labels("headroom_config_info")


def test_the_certificates_end_is_shown(replica: Metered) -> None:
    expiry = FIRST.certificate.not_valid_after_utc.timestamp()
    assert replica.shown().value("headroom_certificate_expiry_timestamp_seconds") == expiry


def test_lost_audit_lines_are_shown(replica: Metered) -> None:
    replica.audit.dropped = 7
    assert replica.shown().value("headroom_audit_lines_dropped_total") == 7


def test_events_are_counted(replica: Metered) -> None:
    replica.announcing.written, replica.announcing.dropped = 3, 5
    assert replica.shown().value("headroom_events_written_total") == 3
    assert replica.shown().value("headroom_events_dropped_total") == 5


def test_the_view_of_quotas_is_shown(replica: Metered) -> None:
    assert replica.shown().value("headroom_quotas_synced") == 0
    replica.judge.admission.quotas.relist([a_quota("a"), a_quota("b"), a_quota("c", {"services": "1"})])
    assert replica.shown().value("headroom_quotas_synced") == 1
    assert replica.shown().value("headroom_quotas") == 2
    replica.judge.admission.quotas.tell_broken("refused")
    replica.judge.clock.wait(5.0)
    assert replica.shown().value("headroom_quotas_synced") == 0


def test_a_scrape_waits_for_nobody_but_the_lock(replica: Metered) -> None:
    admission: PodAdmission = replica.judge.admission
    with admission.account._guarded.lock:
        scrape = threading.Thread(target=replica.text)
        scrape.start()
        scrape.join(0.05)
        assert scrape.is_alive(), "it reads the account as of one moment"
    scrape.join(5)
    assert not scrape.is_alive()
