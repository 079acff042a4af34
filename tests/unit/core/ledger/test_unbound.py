"""Unbound pods that no node can hold: what the account let in counts, what policy let in stands apart until bound."""

import pytest
from msgspec.structs import replace

from tests.support.accounts import GI, HIGH_MEM, committed, config, ledger, node, pod
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.recount import recount
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import Way
from webhook.core.values.scopes import CLUSTER

LETS_IN = [
    pytest.param("mode: warn", {}, id="mode warn"),
    pytest.param("mode: audit", {}, id="mode audit"),
    pytest.param("overrides: [{namespaces: [def*], mode: warn}]", {}, id="an override"),
    pytest.param("exempt: {namespaces: [default]}", {}, id="an exempt namespace"),
    pytest.param(
        "exempt: {priorityClassNamespaces: [default], priorityClasses: [vital]}", {"c": "vital"}, id="a class"
    ),
    pytest.param("exempt: {daemonSets: [default]}", {"ds": True}, id="a DaemonSet"),
    pytest.param("exempt: {daemonSets: true}", {"ds": True}, id="any DaemonSet"),
]


def huge(claims: dict[str, object] | None = None, memory: float = 17, name: str = "huge") -> PodInfo:
    """A pod that no node of 8 Gi can hold, with what it says of itself."""
    claims = claims or {}
    waits = pod(name, memory)
    return replace(waits, priority_class=str(claims.get("c", "")), of_daemon_set=bool(claims.get("ds")))


def waits(of: Ledger, scope: str = CLUSTER) -> tuple[float, float, float]:
    """What is pending, unplaceable and apart, in Gi."""
    assert recount(of.parts(1.0)) == ()
    unplaceable, apart = (amounts.memory_requests / GI for amounts in of.balance(scope).stuck)
    return of.pending()[scope].memory_requests / GI, unplaceable, apart


def three(settings: str = "") -> Ledger:
    return ledger(settings, node("a"), node("b"), node("c"))


@pytest.mark.parametrize(("settings", "claims"), LETS_IN)
def test_what_policy_lets_in_and_no_node_can_hold_costs_nothing_until_it_is_bound(
    settings: str, claims: dict[str, object]
) -> None:
    of = three(settings)
    of.see(huge(claims))
    assert committed(of) == 0
    assert waits(of) == (0, 0, 17)
    of.see(replace(huge(claims), node="a", revision=2))
    assert committed(of) == 17
    assert waits(of) == (0, 0, 0)


@pytest.mark.parametrize(("settings", "claims"), LETS_IN)
def test_what_a_node_can_hold_counts_whoever_let_it_in(settings: str, claims: dict[str, object]) -> None:
    of = three(settings)
    of.see(huge(claims, 8))
    assert committed(of) == 8
    assert waits(of) == (8, 0, 0)


@pytest.mark.parametrize(
    ("settings", "claims"),
    [
        ("", {}),
        ("", {"ds": True}),
        ("", {"c": "system-node-critical"}),
        ("exempt: {daemonSets: [other]}", {"ds": True}),
        ("exempt: {daemonSets: false}", {"ds": True}),
        ("exempt: {daemonSets: [default]}", {}),
        ("exempt: {priorityClassNamespaces: [other], priorityClasses: [vital]}", {"c": "vital"}),
        ("overrides: [{namespaces: [other], mode: warn}]", {}),
        ("mode: warn\noverrides: [{namespaces: [default], mode: enforce}]", {}),
    ],
)
def test_what_the_account_let_in_counts_though_no_node_can_hold_it(settings: str, claims: dict[str, object]) -> None:
    of = three(settings)
    of.see(huge(claims))
    assert committed(of) == 17
    assert waits(of) == (17, 17, 0)


def test_when_nodes_change_it_is_charged_again() -> None:
    of = three("mode: warn")
    of.see(huge())
    of.see_node(node("large", 32), 1.0)
    assert (committed(of), waits(of)) == (17, (17, 0, 0))
    of.see_node(node("large", 32, cordoned=True), 1.0)
    assert (committed(of), waits(of)) == (0, (0, 0, 17))
    of.see_node(node("large", 32), 1.0)
    assert committed(of) == 17
    of.see_node(node("large", 16), 1.0)
    assert committed(of) == 0
    of.see_node(node("large", 32), 1.0)
    of.node_gone("large", 1.0)
    assert (committed(of), waits(of)) == (0, (0, 0, 17))


def test_a_node_that_gets_the_label_which_a_pod_asks_for_can_hold_it() -> None:
    of = three("mode: warn")
    of.see(pod("confined", 4, confined_to={"pool": "high-mem"}))
    assert committed(of) == 0
    of.see_node(node("a", pool="high-mem"), 1.0)
    assert (committed(of), waits(of)) == (4, (4, 0, 0))


def test_when_policies_change_it_is_charged_again() -> None:
    of = three()
    of.see(huge())
    for settings, expected in (
        ("mode: warn", 0),
        ("", 17),
        ("exempt: {namespaces: [default]}", 0),
        ("mode: enforce", 17),
    ):
        of.configure(AccountingRules(config(settings)), 1.0)
        assert committed(of) == expected
        assert sum(waits(of)) == (17 if expected == 0 else 34)


def test_a_pool_knows_what_stands_apart_from_it() -> None:
    of = ledger(f"mode: warn\n{HIGH_MEM}", node("a"), node("b", pool="high-mem"))
    of.see(pod("confined", 9, confined_to={"pool": "high-mem"}))
    assert (committed(of, "high-mem"), waits(of, "high-mem"), waits(of)) == (0, (0, 0, 9), (0, 0, 9))
    of.see_node(node("b", 16, pool="high-mem"), 1.0)
    assert (committed(of, "high-mem"), waits(of, "high-mem"), waits(of)) == (9, (9, 0, 0), (9, 0, 0))


def test_while_no_node_counts_nobody_knows_how_large_one_would_be() -> None:
    of = ledger("mode: warn")
    of.see(huge())
    assert committed(of) == 17
    assert of.lacking(huge()) is None


def test_a_pod_that_stands_apart_pays_for_no_other_of_its_name() -> None:
    of = three("mode: warn")
    of.see(huge(name="web"))
    of.grant(pod("web", 5, uid="next"), 1.0)
    assert of.balance(CLUSTER).unseen.memory_requests == 5 * GI
    of.see_node(node("large", 32), 1.0)
    assert of.balance(CLUSTER).unseen.memory_requests == 0, "now it counts, and is larger"
    of.see_node(node("large", 8), 1.0)
    assert of.balance(CLUSTER).unseen.memory_requests == 5 * GI
    assert recount(of.parts(1.0)) == ()


def test_it_goes_without_a_trace() -> None:
    of = three("mode: warn")
    of.see(huge())
    of.see(huge(memory=20, name="other"))
    assert waits(of) == (0, 0, 37)
    of.gone(huge())
    of.see(replace(huge(name="other"), counts=False, revision=3))
    assert waits(of) == (0, 0, 0)
    of.see(huge())
    of.relist([], 5)
    assert waits(of) == (0, 0, 0)
    assert not list(of._unbound.names())


def for_node(name: str, memory: float) -> PodInfo:
    """A pod that is for one node, as the DaemonSet controller makes them."""
    return replace(pod(f"for-{name}", memory), confined_to=(Way(nodes=(name,)),))


def test_a_pod_that_names_its_node_is_measured_by_that_node_alone() -> None:
    of = ledger("mode: warn", node("a", 4), node("b", 64))
    of.see(for_node("a", 8))
    of.see(for_node("b", 8))
    of.see(for_node("nosuch", 8))
    assert (committed(of), waits(of)) == (8, (8, 0, 16))
    of.see_node(node("a", 8), 1.0)
    of.see_node(node("nosuch", 8), 1.0)
    assert (committed(of), waits(of)) == (24, (24, 0, 0))


def test_a_node_that_a_pod_names_can_hold_it_though_it_does_not_count_until_it_is_deleted() -> None:
    of = ledger("mode: warn", node("a"), node("b", 64))
    of.see(for_node("b", 16))
    of.see_node(node("b", 64, cordoned=True), 1.0)
    assert (committed(of), waits(of)) == (16, (16, 0, 0))
    of.node_gone("b", 1.0)
    assert (committed(of), waits(of)) == (0, (0, 0, 16))
