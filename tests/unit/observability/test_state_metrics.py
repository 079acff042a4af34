"""What a scrape reads from the state: readiness, views, grants, bookings, the certificate, the configuration."""

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.accounts import node, pod
from tests.support.certificates import FIRST
from tests.support.configs import SMALLEST
from tests.support.metered import ALL_BOUNDED, WALL, Metered, metered
from tests.support.replica import Judge, ready, response, review, waits
from tests.unit.core.quotas.making import a_quota
from webhook.admission.pods import PodAdmission
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.sharing.allotment import Timing
from webhook.core.sharing.credit import SHARES

GI = 1 << 30


@pytest.fixture
def replica(tmp_path: Path) -> Metered:
    return metered(ready(), tmp_path)


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


def test_pods_fall_with_a_cordon_as_the_sums_do(tmp_path: Path) -> None:
    for settings, left in ((ALL_BOUNDED, 1), (f"reserve: {{nodes: 1}}\n{ALL_BOUNDED}", 3)):
        judge = ready(settings)
        state = judge.admission.state
        found = metered(judge, tmp_path)
        state.see_node(node("other", 8))
        state.see_node(node("third", 8))
        for number, at in enumerate(("node", "node", "other")):
            state.see_pod(pod(f"p{number}", 1, at, revision=101 + number))
        assert found.shown().value("headroom_pods") == 3
        state.see_node(node("node", 8, cordoned=True))
        shown = found.shown()
        assert (shown.value("headroom_pods"), shown.value("headroom_live_pods")) == (left, 3)
        assert shown.value("headroom_scope_memory_requests_bytes", scope="cluster") == left * GI, "as the sums do"
        state.see_node(node("node", 8))
        assert found.shown().value("headroom_pods") == 3


def test_pods_on_a_node_that_is_tainted_away_or_that_stand_apart_are_not_among_those_that_count(tmp_path: Path) -> None:
    judge = ready("thresholds: {memory: {requests: 100%}}\noverrides: [{namespaces: [tenant], mode: warn}]")
    state = judge.admission.state
    found = metered(judge, tmp_path)
    state.see_node(node("other", 8))
    state.see_pod(pod("runs", 1, "node", revision=101))
    state.see_pod(pod("stays", 1, "other", revision=102))
    huge = replace(pod("huge", 99, revision=103), name="tenant/huge")
    state.see_pod(huge)
    assert found.shown().value("headroom_pods") == 2
    state.see_node(node("node", 8, taints=frozenset({"node-role.kubernetes.io/control-plane"})))
    assert found.shown().value("headroom_pods") == 1
    state.pod_gone(replace(huge, revision=104))
    state.pod_gone(pod("runs", 1, "node", revision=105))
    assert found.shown().value("headroom_pods") == 1


def test_nodes_that_two_pools_select_are_shown(tmp_path: Path) -> None:
    judge = ready("pools: [{name: large, nodeSelector: {pool: large}}, {name: old, nodeSelector: {zone: a}}]")
    for name in ("a", "b"):
        info = NodeInfo(name, Allocatable(1, 1), True, labels=(("pool", "large"), ("zone", "a")))
        judge.admission.state.see_node(info)
    shown = metered(judge, tmp_path).shown()
    assert shown.value("headroom_pool_overlap_nodes", pool="large", other="old") == 2


def test_reservations_are_open_then_seen_then_retired(replica: Metered) -> None:
    judge, name = replica.judge, "headroom_reservations"
    response(judge.ask(review(memory="2Gi")))
    shown = replica.shown()
    assert (shown.value(name, state="open"), shown.value(name)) == (1, 1)
    assert shown.value("headroom_reserved_memory_bytes", scope="cluster") == 2 * GI
    judge.admission.state.see_pod(pod("web", 2, "node", uid="pod-web", revision=101))
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
    judge.admission.state.prove(judge.clock())
    assert replica.shown().value(name, state="orphaned") == 0
    assert replica.shown().value("headroom_reservations_expired_total") == 1


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
    judge.admission.state.bookmark(200)
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
        "hash": found.judge.admission.state.basis.config_hash,
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
    with admission.state._guarded.lock:
        scrape = threading.Thread(target=replica.text)
        scrape.start()
        scrape.join(0.05)
        assert scrape.is_alive(), "it reads the account as of one moment"
    scrape.join(5)
    assert not scrape.is_alive()
