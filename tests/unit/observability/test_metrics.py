"""Metrics: every name, its labels and its unit are a promise to dashboards and alerts, so each is pinned here."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.accounts import pod
from tests.support.metered import ALL_BOUNDED, Metered, metered
from tests.support.replica import ready, response, review, waits
from webhook.admission.workloads import WorkloadAdmission
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
    "headroom_blocked_longest_seconds": ("gauge", set()),
    "headroom_blocked_workloads": ("gauge", set()),
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
    "headroom_namespace_memory_limits_bytes": ("gauge", {"namespace"}),
    "headroom_namespace_memory_requests_bytes": ("gauge", {"namespace"}),
    "headroom_node_counted": ("gauge", {"node", "pool", "reason"}),
    "headroom_node_memory_allocatable_bytes": ("gauge", {"node", "pool"}),
    "headroom_node_memory_limits_bytes": ("gauge", {"node", "pool"}),
    "headroom_node_memory_requests_bytes": ("gauge", {"node", "pool"}),
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
    "headroom_scope_cpu_limits_bound_without_largest_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_declared_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_reserve_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_pending_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_unplaceable_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_limits_apart_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_bound_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_bound_without_largest_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_reserve_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_pending_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_unplaceable_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_requests_apart_cores": ("gauge", {"scope"}),
    "headroom_scope_cpu_unbounded_pods": ("gauge", {"scope"}),
    "headroom_scope_memory_allocatable_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_bound_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_bound_without_largest_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_declared_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_reserve_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_pending_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_unplaceable_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_limits_apart_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_requests_bound_bytes": ("gauge", {"scope"}),
    "headroom_scope_memory_requests_bound_without_largest_bytes": ("gauge", {"scope"}),
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
    "headroom_unreviewed_pods": ("gauge", {"reason"}),
    "headroom_watch_last_event_timestamp_seconds": ("gauge", {"resource"}),
}


@pytest.fixture
def replica(tmp_path: Path) -> Metered:
    return metered(ready(), tmp_path)


def test_the_exposition_is_pinned(tmp_path: Path) -> None:
    judge = ready(ALL_BOUNDED)
    found = metered(judge, tmp_path)
    judge.admission.state.see_pod(pod("a", 1, "node", revision=101))
    response(judge.ask(review()))
    early = EarlyAnswers(found.registry)
    WorkloadAdmission(judge.admission.state, lambda *_: b"", early.record, early.record).review(review(), 1.0)
    families = {family.name: family for family in text_string_to_metric_families(found.text())}
    shown = {
        name: (family.type, {label for sample in family.samples for label in sample.labels})
        for name, family in families.items()
    }
    assert shown == PINNED


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
