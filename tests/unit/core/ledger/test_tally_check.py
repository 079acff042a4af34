"""The recount of tallies: each one that differs from its pods is a drift, with both figures, and nothing else is."""

import pytest

from webhook.core.ledger import tally_check
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.tallies import Tallies
from webhook.core.ledger.tally_check import tally_drifts
from webhook.core.ledger.traits import Traits
from webhook.core.values.amounts import Amounts

WEB = Traits(("Deployment", "web"), 1)
SMALL, LARGE = Amounts(memory_requests=5), Amounts(memory_requests=9, memory_unbounded=1)


def pods() -> dict[str, Entry]:
    return {
        "shop/a": Entry("u", SMALL, "n1", (), WEB),
        "shop/b": Entry("u", LARGE, "n2", (), WEB),
        "shop/waits": Unbound("u", SMALL, "", (), WEB),
        "batch/alone": Entry("u", SMALL, "n1"),
    }


def kept_of(live: dict[str, Entry]) -> Tallies:
    kept = Tallies(live)
    for name in live:
        kept.note(name, None)
    return kept


def drifts(kept: Tallies, live: dict[str, Entry]) -> list[tuple[str, str]]:
    return [(each.figure, each.where) for each in tally_drifts(kept.snapshot(), live)]


def test_tallies_that_are_what_their_pods_come_to_have_no_drift() -> None:
    live = pods()
    kept = kept_of(live)
    assert drifts(kept, live) == []
    assert drifts(Tallies({}), {}) == []


def test_a_pod_that_is_gone_without_a_note_is_a_stranger_in_its_groups_and_too_many() -> None:
    live = pods()
    kept = kept_of(live)
    snapshot = kept.snapshot()
    left = {name: pod for name, pod in live.items() if name != "shop/b"}
    found = {(each.figure, each.where) for each in tally_drifts(snapshot, left)}
    assert ("tally of node", "n2 (with shop/b, which must not be there)") in found
    assert ("pods tallied by node", "") in found
    assert ("pods tallied by workload", "") in found
    assert ("pods that request", "9") in found


def test_a_pod_that_came_without_a_note_is_missing_in_the_totals() -> None:
    live = pods()
    snapshot = kept_of(live).snapshot()
    more = {**live, "shop/new": Entry("u", LARGE, "n1", (), WEB)}
    found = {each.figure: (each.kept, each.recounted) for each in tally_drifts(snapshot, more)}
    assert found == {
        "pods tallied by node": ((4,), (5,)),
        "pods tallied by workload": ((4,), (5,)),
        "pods that request": ((1,), (2,)),
    }


def test_a_pod_that_changed_without_a_note_is_another_one() -> None:
    live = pods()
    snapshot = kept_of(live).snapshot()
    moved = {**live, "shop/a": Entry("u", SMALL, "n2", (), WEB)}
    found = {each.where for each in tally_drifts(snapshot, moved)}
    assert "n1 (with shop/a, which must not be there)" in found
    assert "shop/Deployment/web (with shop/a, which must not be there)" in found


def test_only_three_strangers_are_named() -> None:
    live = {f"shop/{number}": Entry("u", SMALL, "n1", (), WEB) for number in range(9)}
    (first, *_) = tally_drifts(kept_of(live).snapshot(), {})
    assert first.where == "n1 (with shop/0, shop/1, shop/2, which must not be there)"


def test_pods_that_request_nothing_have_no_size() -> None:
    live: dict[str, Entry] = {"shop/a": Entry("u", Amounts(), "n1", (), WEB)}
    kept = kept_of(live)
    assert drifts(kept, live) == []
    assert kept.snapshot().sizes.get(0, 0) == 0


def test_there_is_a_pause_after_each_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_check, "SLICE", 2)
    live, pauses = pods(), list[int]()
    assert list(tally_drifts(kept_of(live).snapshot(), live, lambda: pauses.append(1))) == []
    assert len(pauses) == 2 * 2, "every pod is looked at twice: by node and by workload"
