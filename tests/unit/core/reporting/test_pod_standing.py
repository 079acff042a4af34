"""The standing of pods: which of them count, and which nobody reviewed."""

from msgspec import structs

from tests.support.accounts import GI, ledger, node, pod
from tests.support.ledger_reports import report
from webhook.core.reporting.rows import GroupRow

BIRTH = "2026-11-30T00:00:00Z"


def uncounted(rows: tuple[GroupRow, ...]) -> dict[str, float]:
    return {row.name: row.uncounted / GI for row in rows}


def test_pods_of_a_cordoned_node_count_as_far_as_a_reserve_pays_for_it() -> None:
    paid = ledger("reserve: {nodes: 1}", node("a", 8), node("b", 8))
    unpaid = ledger("", node("a", 8), node("b", 8))
    for of in (paid, unpaid):
        of.see_node(node("b", 8, cordoned=True), 1.0)
        of.see(pod("p", 4, "b"))
    assert uncounted(report(paid).namespaces()) == {"default": 0.0}
    assert report(paid).pods()[0].counted
    assert uncounted(report(unpaid).namespaces()) == {"default": 4.0}
    assert not report(unpaid).pods()[0].counted


def test_pods_from_before_the_account_are_counted_once_its_birth_is_known() -> None:
    of = ledger("", node("a"))
    of.see(structs.replace(pod("old", 1, "a"), created="2026-11-29T00:00:00Z"))
    of.see(structs.replace(pod("new", 1, "a"), created="2026-11-30T00:00:01Z"))
    assert report(of).namespaces()[0].unreviewed == {}
    of.born(BIRTH)
    of.born("2026-11-30T00:00:02Z")  # the object was lost and made again
    of.born("")
    made = report(of)
    assert made.namespaces()[0].unreviewed == {"beforeHeadroom": 1}
    assert {row.name: row.unreviewed for row in made.pods()} == {"old": "beforeHeadroom", "new": None}


def test_a_pod_that_grew_and_nobody_was_asked_is_named_until_it_goes() -> None:
    of = ledger("", node("a"))
    of.see(pod("p", 1, "a", revision=1, infeasible=True))
    of.see(pod("p", 2, "a", revision=2))
    of.see(pod("q", 1, "a", revision=3))
    for groups in (report(of).namespaces(), report(of).workloads()[:1], report(of).by_label("zone")):
        assert groups[0].unreviewed == {"grownWithoutReview": 1}
    assert {row.name: row.unreviewed for row in report(of).pods()} == {"p": "grownWithoutReview", "q": None}
    of.gone(pod("p", 2, "a", revision=4))
    of.see(pod("p", 2, "a", uid="another", revision=5))
    assert report(of).namespaces()[0].unreviewed == {}


def test_another_reason_goes_before_that_a_pod_grew() -> None:
    of = ledger("", node("a"))
    old = "2026-11-29T00:00:00Z"
    of.see(structs.replace(pod("p", 1, "a", revision=1, infeasible=True), created=old))
    of.see(structs.replace(pod("p", 2, "a", revision=2), created=old))
    of.born(BIRTH)
    assert report(of).namespaces()[0].unreviewed == {"beforeHeadroom": 1}
    assert report(of).pods()[0].unreviewed == "beforeHeadroom"
