"""A configuration, worked out: which sums are bounded, by how much, and what belongs to which pool."""

import pytest

from tests.support.accounts import GI, HIGH_MEM, config
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.percentage import WHOLE
from webhook.core.ledger.nodes import Allocatable
from webhook.core.ledger.rules import SUMS, AccountingRules
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

ROOM = Allocatable(10 * GI, 4000)
NOTHING_KEPT = (0,) * len(Amounts._fields)
ALL_BOUNDED = "thresholds: {memory: {requests: 50%, limits: 150%}, cpu: {requests: 25%, limits: 200%}}"


def bounded(accounting: AccountingRules, scope: str = CLUSTER) -> dict[str, int]:
    bounds = zip(Amounts._fields, accounting.bound(scope, ROOM, NOTHING_KEPT), strict=True)
    return {field: bound for field, bound in bounds if bound is not None}


@pytest.mark.parametrize("missing", ["count-request", "warn", "deny"])
def test_a_missing_limit_counts_its_request_in_the_sum_of_limits(missing: str) -> None:
    assert bounded(AccountingRules(config(f"{ALL_BOUNDED}\nmissingLimits: {missing}"))) == {
        "memory_requests": 5 * GI,
        "memory_limits_filled": 15 * GI,
        "cpu_requests": 1000,
        "cpu_limits_filled": 8000,
    }


def test_a_missing_limit_that_is_ignored_leaves_the_declared_ones_bounded() -> None:
    assert bounded(AccountingRules(config(f"{ALL_BOUNDED}\nmissingLimits: ignore"))) == {
        "memory_requests": 5 * GI,
        "memory_limits": 15 * GI,
        "cpu_requests": 1000,
        "cpu_limits": 8000,
    }


def test_a_sum_without_a_threshold_is_not_bounded_and_a_node_bears_all_of_its_room() -> None:
    accounting = AccountingRules(config(requests="50%"))
    assert bounded(accounting) == {"memory_requests": 5 * GI}
    bound = accounting.bound_of_node(CLUSTER, ROOM)
    assert (bound.memory_requests, bound.memory_limits, bound.cpu_requests) == (5 * GI, 10 * GI, 4000)


def test_a_bound_is_rounded_down_to_a_whole_byte() -> None:
    assert AccountingRules(config(requests="33.333%")).bound(CLUSTER, Allocatable(1001, 0), NOTHING_KEPT)[0] == 333


def test_a_reserve_is_taken_from_the_room_exactly_and_shown_as_room_rounded_up() -> None:
    accounting = AccountingRules(config("thresholds: {memory: {requests: 33.333%}, cpu: {limits: 50%}}"))
    kept = [accounting.size(CLUSTER, index, Allocatable(500, 3)) for index in SUMS]
    assert accounting.bound(CLUSTER, Allocatable(1001, 10), kept)[0] == (1001 - 500) * 33_333 // 100_000
    assert accounting.bound(CLUSTER, Allocatable(499, 10), kept)[0] == 0
    assert accounting.reserve(CLUSTER, kept) == (500, 0, 0, 0, 0, 0, 3, 0)
    assert accounting.reserve(CLUSTER, [1] * 8) == (1, 0, 0, 0, 0, 0, 1, 0)


def test_what_pods_take_of_a_node_is_at_most_what_it_adds_to_the_bound() -> None:
    accounting = AccountingRules(config(requests="50%"))
    some, more = Amounts(memory_requests=3), Amounts(memory_requests=6)
    assert accounting.size(CLUSTER, 0, Allocatable(10, 0)) == 5 * WHOLE
    assert accounting.size(CLUSTER, 0, Allocatable(10, 0), some) == 3 * WHOLE
    assert accounting.size(CLUSTER, 0, Allocatable(10, 0), more) == 5 * WHOLE
    assert accounting.size(CLUSTER, 1, Allocatable(10, 0), more) == 0


def test_each_pool_has_its_own_thresholds_and_the_clusters_reserve_unless_it_says_otherwise() -> None:
    pools = "pools: [{name: a, nodeSelector: {x: y}}, {name: b, nodeSelector: {z: y}, reserve: {nodes: 0}}]"
    accounting = AccountingRules(config(f"{pools}\nreserve: {{nodes: 2}}"))
    assert accounting.scopes == (CLUSTER, "a", "b")
    assert [accounting.reserve_nodes(scope) for scope in accounting.scopes] == [2, 2, 0]
    assert bounded(accounting, "a") == {}
    assert bounded(AccountingRules(config(HIGH_MEM)), "high-mem") == {"memory_requests": int(7.5 * GI)}


def test_where_there_is_no_configuration_yet_there_may_be_pools() -> None:
    assert AccountingRules(config(HIGH_MEM)).may_have_pools
    assert not AccountingRules(config()).may_have_pools
    assert AccountingRules(HeadroomConfig()).may_have_pools, "nobody knows what the configuration will say"


def test_labels_belong_to_the_first_pool_that_they_satisfy_as_a_whole() -> None:
    pools = "pools: [{name: both, nodeSelector: {a: x, b: y}}, {name: one, nodeSelector: {a: x}}]"
    pool_of = AccountingRules(config(pools)).pool_of
    assert pool_of({"a": "x", "b": "y", "c": "z"}) == "both"
    assert pool_of({"a": "x"}) == "one"
    assert pool_of({"b": "y"}) is None
    assert pool_of({}) is None


def test_a_scope_that_is_no_more_bounds_nothing() -> None:
    accounting = AccountingRules(config())
    assert bounded(accounting, "removed") == {}
    assert accounting.share("removed", 0) is None
    assert accounting.reserve_nodes("removed") == 0
    assert accounting.bound_of_node("removed", ROOM).memory_requests == ROOM.memory


def test_the_rules_about_nodes_are_in_seconds() -> None:
    rules = AccountingRules(config("nodes: {excludeTaints: [a], notReadyGrace: 250ms, forgetDeletedAfter: 1h}")).nodes
    assert (rules.exclude_taints, rules.not_ready_grace, rules.forget_deleted_after) == (frozenset({"a"}), 0.25, 3600)
