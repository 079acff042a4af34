"""The preview: what it foretells is what happens, it disturbs nothing, and it says only what a change makes worse."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from tests.support.accounts import GI, HIGH_MEM, config, ledger, node, pod
from tests.support.examples import examples
from tests.support.ledger_and_reference import LedgerAndReference, configs
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.types import Mode
from webhook.core.forecast.preview import Level, Preview, balances, preview, under
from webhook.core.forecast.preview_messages import preview_warnings
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.rules import AccountingRules
from webhook.core.values.scopes import CLUSTER

CONTROL_PLANE = frozenset({"node-role.kubernetes.io/control-plane"})
REQUESTS = (CLUSTER, "memory", "requests")
HIGH_REQUESTS = ("high-mem", "memory", "requests")


class Foretelling(LedgerAndReference):
    """Before each new configuration, asks for its preview."""

    @rule(new=configs)
    def configure(self, new: HeadroomConfig) -> None:
        self.ledger.tick(self.reference.now)
        foretold = balances(under(self.ledger.parts(self.reference.now), new))
        preview_warnings(preview(self.ledger.parts(self.reference.now), new))
        self.ledger.configure(AccountingRules(new), self.reference.now)
        self.ledger.tick(self.reference.now)
        self.reference.config = new
        assert foretold == {scope: self.ledger.balance(scope) for scope in self.ledger.accounting.scopes}


Foretelling.TestCase.settings = settings(max_examples=examples(25), stateful_step_count=40)
TestForetelling = Foretelling.TestCase


@pytest.fixture
def busy() -> Ledger:
    """Two nodes of 8 Gi, one of them high-mem; 9 Gi committed, 6 Gi of them there."""
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.see(pod("on-a", 3, "a"))
    of.see(pod("on-b", 5, "b"))
    of.see(pod("waits", 1, confined_to={"pool": "high-mem"}))
    return of


@pytest.mark.parametrize("now", [5.0, 12.0])
@pytest.mark.parametrize(
    "settings",
    [
        "nodes: {notReadyGrace: 1s}\nreserve: {nodes: 4}",
        "nodes: {notReadyGrace: 1s}\nreserve: {nodes: 2}",
        "nodes: {notReadyGrace: 20s}\nreserve: {nodes: 1}",
        "nodes: {forgetDeletedAfter: 1s}\nreserve: {nodes: 1}",
        "nodes: {excludeTaints: [spot]}",
        f"{HIGH_MEM}\nreserve: {{nodes: 2}}",
    ],
)
def test_nodes_that_fall_away_or_come_back_by_new_rules(settings: str, now: float) -> None:
    of = ledger("reserve: {nodes: 1}", node("a"), node("b", 4, pool="high-mem"), node("c", 6), node("d", 12), node("e"))
    for name, size in (("a", 1), ("b", 2), ("c", 3), ("d", 5), ("stranger", 2)):
        of.see(pod(f"on-{name}", size, name))
    of.see_node(node("b", 4, pool="high-mem", cordoned=True), 0.5)
    for name, memory, cordoned in (("b", 4, True), ("c", 6, False)):
        of.see_node(node(name, memory, ready=False, cordoned=cordoned, pool="high-mem" if name == "b" else ""), 1.0)
    of.see_node(node("e", taints=frozenset({"spot"})), 1.0)
    of.node_gone("d", 1.0)
    new = config(settings)
    foretold = balances(under(of.parts(now), new))
    of.configure(AccountingRules(new), now)
    of.tick(now)
    assert foretold == {scope: of.balance(scope) for scope in of.accounting.scopes}


def of_change(of: Ledger, settings: str = HIGH_MEM, requests: str = "100%") -> Preview:
    return preview(of.parts(1.0), config(settings, requests))


def told(of: Ledger, settings: str = HIGH_MEM, requests: str = "100%") -> tuple[str, ...]:
    return preview_warnings(of_change(of, settings, requests))


def test_the_same_configuration_changes_nothing(busy: Ledger) -> None:
    assert of_change(busy) == Preview(Mode.ENFORCE)
    assert told(busy) == ()


def test_a_threshold_that_is_lowered_far_enough_puts_the_scope_over(busy: Ledger) -> None:
    assert of_change(busy, requests="57%").over == ()
    assert of_change(busy, requests="50%").over == ((REQUESTS, Level(9 * GI, 8 * GI)),)
    assert told(busy, requests="50%") == (
        "memory requests of the cluster would be 112.5% of the new threshold: nothing more fits until 1Gi are freed",
    )


@pytest.mark.parametrize(
    ("mode", "then"),
    [("warn", "more gets a warning until 1Gi are freed"), ("audit", "more is only logged until 1Gi are")],
)
def test_what_comes_of_it_hangs_on_the_mode(busy: Ledger, mode: str, then: str) -> None:
    [line] = told(busy, f"{HIGH_MEM}\nmode: {mode}", "50%")
    assert then in line


def test_the_worst_comes_first(busy: Ledger) -> None:
    pools = HIGH_MEM.replace("75%", "25%")
    assert of_change(busy, pools, "50%").over == (
        (HIGH_REQUESTS, Level(6 * GI, 2 * GI)),
        (REQUESTS, Level(9 * GI, 8 * GI)),
    )


def test_a_pool_is_over_by_pods_that_were_charged_elsewhere(busy: Ledger) -> None:
    of = ledger("", node("a"), node("b", pool="high-mem"))
    of.see(pod("on-b", 7, "b"))
    assert of_change(of).over == ((HIGH_REQUESTS, Level(7 * GI, 6 * GI)),)


def test_what_is_over_already_is_told_only_if_it_gets_worse(busy: Ledger) -> None:
    busy.configure(AccountingRules(config(HIGH_MEM, "50%")), 0.0)
    assert told(busy, requests="50%") == ()
    assert told(busy, f"{HIGH_MEM}\nmode: warn", "50%") == ()
    assert told(busy, requests="52%") == ()
    assert len(told(busy, requests="49%")) == 1


def test_a_reserve_can_put_a_scope_over_or_close_it(busy: Ledger) -> None:
    assert of_change(busy, f"{HIGH_MEM}\nreserve: {{nodes: 1}}").over == (
        (HIGH_REQUESTS, Level(6 * GI, 0)),
        (REQUESTS, Level(9 * GI, 8 * GI)),
    )
    empty = ledger("", node("a"))
    (line,) = told(empty, "reserve: {nodes: 1}")
    assert line.endswith("have threshold 0: the reserve (nodes: 1) takes the only node; nothing would fit")


@pytest.mark.parametrize(
    ("mode", "then"),
    [("enforce", "nothing would fit"), ("warn", "all get a warning"), ("audit", "all are logged")],
)
def test_a_reserve_that_takes_every_node_is_named_whether_anything_lives_or_not(mode: str, then: str) -> None:
    line = f"memory requests of the cluster would have threshold 0: the reserve (nodes: 99) takes all 3 nodes; {then}"
    settings = f"mode: {mode}\nreserve: {{nodes: 99}}"
    of = ledger("", node("a"), node("b"), node("c"), node("out", taints=CONTROL_PLANE))
    assert told(of, settings) == (line,)
    of.see(pod("on-a", 1, "a"))
    assert told(of, settings) == (line,)
    assert "takes all" not in "".join(told(of, "reserve: {nodes: 2}"))


def test_a_bound_of_nothing_is_not_laid_to_a_reserve() -> None:
    of = ledger("", node("a"))
    of.relist_nodes([node("a", taints=CONTROL_PLANE)], 0.0)
    of.configure(AccountingRules(config("")), 0.0)
    assert of_change(of, "reserve: {nodes: 1}").kept == ()


def test_a_bound_that_goes(busy: Ledger) -> None:
    new = f"{HIGH_MEM}\nthresholds: {{memory: {{limits: 100%}}}}"
    assert of_change(busy, new).unbound == ((REQUESTS, 16 * GI),)
    assert told(busy, new) == ("memory requests of the cluster would no longer have a threshold; it is 16Gi now",)


def test_limits_stay_bounded_when_only_what_a_missing_one_counts_changes() -> None:
    thresholds = "\nthresholds: {memory: {limits: 100%}}"
    of = ledger(thresholds, node("a"))
    assert of_change(of, f"missingLimits: ignore{thresholds}") == Preview(Mode.ENFORCE)


def test_a_pool_that_goes(busy: Ledger) -> None:
    assert told(busy, "") == ("pool high-mem would be removed: its pods count in the other scopes only",)


def test_a_pool_that_selects_nothing_is_told_once(busy: Ledger) -> None:
    gpu = "{name: gpu, nodeSelector: {pool: gpu}, thresholds: {memory: {requests: 75%}}}"
    new = HIGH_MEM.replace("]", f", {gpu}]")
    assert told(busy, new) == ("pool gpu selects no node: its thresholds come to 0, and nothing confined to it fits",)
    busy.configure(AccountingRules(config(new)), 0.0)
    assert told(busy, new) == ()
    renamed = HIGH_MEM.replace("pool: high-mem", "pool: hihg-mem")
    assert told(busy, renamed) == (
        "pool high-mem selects no node: its thresholds come to 0, and nothing confined to it fits",
        "pool gpu would be removed: its pods count in the other scopes only",
    )


def test_a_pool_that_is_left_without_nodes_is_told_once_however_many_bounds_it_has_and_whatever_waits_for_it(
    busy: Ledger,
) -> None:
    bounds = "{memory: {requests: 75%, limits: 90%}, cpu: {requests: 50%}}"
    left = f"pools: [{{name: high-mem, nodeSelector: {{pool: gpu}}, thresholds: {bounds}}}]"
    (once,) = told(busy, left)
    assert once.startswith("pool high-mem selects no node: ")
    busy.see(pod("waits-for-it", 1, confined_to={"pool": "gpu"}))
    assert told(busy, left) == (once,), "and not as well that it is past bounds of 0"
    busy.configure(AccountingRules(config(left)), 0.0)
    assert told(busy, left.replace("75%", "50%")) == ()


def test_a_pool_whose_nodes_went_before_the_edit_is_not_told_again(busy: Ledger) -> None:
    busy.node_gone("b", 0.0)
    busy.tick(1e6)
    assert told(busy, HIGH_MEM.replace("75%", "50%")) == ()


def test_pools_that_overlap(busy: Ledger) -> None:
    more = "{name: other, nodeSelector: {zone: a}, thresholds: {memory: {requests: 75%}}}"
    labelled = node("c", pool="high-mem")
    busy.see_node(type(labelled)(labelled.name, labelled.room, True, labels=(*labelled.labels, ("zone", "a"))), 0.0)
    new = HIGH_MEM.replace("]", f", {more}]")
    assert of_change(busy, new).overlaps == (("high-mem", "other", 1, 0),)
    assert "pools high-mem and other both select 1 node: the first has it" in told(busy, new)


@pytest.mark.parametrize(
    ("selector", "overlap", "line"),
    [
        ("{zone: a}", (), None),
        ("{zone: b}", (("high-mem", "other", 1, 1),), "1 more node: the first has it"),
        ("{rack: one}", (("high-mem", "other", 3, 1),), "3 more nodes: the first has them"),
    ],
)
def test_where_pools_overlap_already_only_more_nodes_than_now_are_told(
    selector: str, overlap: tuple[tuple[str, str, int, int], ...], line: str | None
) -> None:
    def overlapping(selector: str) -> str:
        other = f"{{name: other, nodeSelector: {selector}, thresholds: {{memory: {{requests: 75%}}}}}}"
        return HIGH_MEM.replace("]", f", {other}]")

    nodes = [node(name, pool="high-mem") for name in "abcd"]
    labels = [(("rack", "one"), ("zone", zone)) for zone in "abbc"]
    placed = [replace(each, labels=each.labels + more) for each, more in zip(nodes, labels, strict=True)]
    of = ledger(overlapping("{zone: a}"), *placed)
    assert of_change(of, overlapping(selector)).overlaps == overlap
    both = "pools high-mem and other both select "
    assert [each for each in told(of, overlapping(selector)) if each.startswith(both)] == (
        [both + line] if line else []
    )


def test_the_first_configuration_of_all_is_previewed_too() -> None:
    of = Ledger(AccountingRules(HeadroomConfig()))
    of.relist_nodes([node("a")], 0.0)
    of.see(pod("on-a", 7, "a"))
    assert told(of, "", "50%") == (
        "memory requests of the cluster would be 175% of the new threshold: nothing more fits until 3Gi are freed",
    )
