"""The scratch ledger has the balances of the account it was made from, whatever happened to that before."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support import accounts
from tests.support.ledger_and_reference import configs, footprints, nodes, pods
from webhook.core.config.config import HeadroomConfig
from webhook.core.forecast.scratch import scratch, scratch_with
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.rules import AccountingRules
from webhook.core.values.amounts import NOTHING
from webhook.core.values.scopes import CLUSTER

GI = accounts.GI

STEPS: dict[str, Callable[[Ledger, Any, float], None]] = {
    "node": lambda ledger, given_node, now: ledger.see_node(given_node, now),
    "lost": lambda ledger, name, now: ledger.node_gone(name, now),
    "pod": lambda ledger, given_pod, _: ledger.see(given_pod),
    "gone": lambda ledger, given_pod, _: ledger.gone(given_pod),
    "tick": lambda ledger, _, now: ledger.tick(now),
}
steps = st.one_of(
    st.tuples(st.just("node"), nodes),
    st.tuples(st.just("lost"), st.sampled_from(["n1", "n2"])),
    st.tuples(st.just("pod"), pods),
    st.tuples(st.just("pod"), pods),
    st.tuples(st.just("gone"), pods),
    st.tuples(st.just("tick"), st.none()),
)


@settings(max_examples=150)
@given(configs, st.lists(nodes, max_size=4), st.lists(st.tuples(steps, st.integers(0, 15)), max_size=25))
def test_it_has_the_balances_of_any_account(
    config: HeadroomConfig, first: list[Any], happened: list[tuple[tuple[str, Any], int]]
) -> None:
    ledger = Ledger(AccountingRules(config))
    ledger.relist_nodes(first, 0.0)
    now = 0.0
    for (what, given_value), later in happened:
        now += later
        STEPS[what](ledger, given_value, now)
    ledger.tick(now)
    copy = scratch(ledger.account(now))
    for scope in ledger.accounting.scopes:
        kept, copied = ledger.balance(scope), copy.balance(scope)
        assert copied.committed == kept.committed, scope
        assert copied.scope_limits == kept.scope_limits, scope
        assert copied.stuck == kept.stuck, scope


@given(st.lists(footprints, max_size=4), footprints)
def test_what_is_granted_and_not_there_yet_is_not_free(granted: list[Any], elsewhere: Any) -> None:
    ledger = accounts.ledger("", accounts.node("n1"))
    for number, each in enumerate(granted):
        ledger.grant(replace(accounts.pod(f"p{number}"), footprint=each), 0.0)
    copy = scratch(ledger.account(0.0), {CLUSTER: elsewhere})
    assert copy.balance(CLUSTER).unseen == ledger.balance(CLUSTER).unseen.plus(elsewhere)


def test_what_is_granted_in_a_pool_counts_there_and_once_in_the_cluster() -> None:
    ledger = accounts.ledger(accounts.HIGH_MEM, accounts.node("n1", pool="high-mem"), accounts.node("n2"))
    ledger.grant(accounts.pod("a", 1, confined_to={"pool": "high-mem"}), 0.0)
    ledger.grant(accounts.pod("b", 2), 0.0)
    copy = scratch(ledger.account(0.0))
    assert copy.balance("high-mem").unseen.memory_requests == GI
    assert copy.balance(CLUSTER).unseen.memory_requests == 3 * GI


def test_without_a_node_its_pods_and_its_room_are_gone() -> None:
    ledger = accounts.ledger("", accounts.node("n1"), accounts.node("n2"))
    ledger.see(accounts.pod("a", 1, "n1"))
    ledger.see(accounts.pod("b", 2, "n2"))
    account = ledger.account(0.0)
    other = scratch_with(account, [node for name, node in account.nodes.items() if name != "n1"])
    assert accounts.bound(other) == 8
    assert accounts.committed(other) == 2


def test_under_other_rules_the_same_pods_have_other_bounds() -> None:
    ledger = accounts.ledger("", accounts.node("n1"))
    ledger.see(accounts.pod("a", 1, "n1"))
    account = ledger.account(0.0)
    other = scratch_with(account, account.nodes.values(), AccountingRules(accounts.config(requests="50%")))
    assert (accounts.bound(other), accounts.committed(other)) == (4, 1)


def test_the_account_itself_is_not_changed() -> None:
    ledger = accounts.ledger("", accounts.node("n1"))
    scratch(ledger.account(0.0)).grant(accounts.pod("a", 1), 0.0)
    assert ledger.balance(CLUSTER).unseen == NOTHING
