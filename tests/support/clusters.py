"""Random clusters whose nodes join, leave and are drained, with plain sums to compare the ledger with."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from hypothesis import strategies as st

from tests.support.accounts import config
from webhook.core.config.config import HeadroomConfig
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

TAINT = frozenset({"node-role.kubernetes.io/control-plane"})

POOLED = (("pool", "p"),)

Sums = dict[tuple[str, int], int]

Change = Callable[[NodeInfo], NodeInfo]


class Lost(NamedTuple):
    """A lost node: it is either deleted or only NotReady."""

    name: str
    deleted: bool


class Cluster:
    """A ledger that has listed the nodes n0, n1, …, and the time. Nodes that join later are named j0, j1, …"""

    def __init__(self, settings: HeadroomConfig, nodes: list[NodeInfo], pods: Iterable[PodInfo]) -> None:
        self.ledger = Ledger(AccountingRules(settings))
        self.now = 0.0
        self.nodes = {info.name: info for info in nodes}  # without deleted nodes
        self.pods = list(pods)
        self.ledger.relist_nodes([replace(info, ready=True) for info in nodes], self.now)
        self.ledger.relist(self.pods, 1)
        for info in nodes:
            self.change(info.name, lambda info: info)

    def change(self, name: str, to: Change) -> None:
        """Show another state of a node, and let enough time pass that the grace of a NotReady node ends."""
        self.nodes[name] = to(self.nodes[name])
        self.ledger.see_node(self.nodes[name], self.now)
        self.now += 10.0
        self.ledger.tick(self.now)

    def cordon(self, name: str, *, on: bool = True) -> None:
        """Cordon a node, or uncordon it."""
        self.change(name, lambda info: replace(info, cordoned=on))

    def lose(self, lost: Lost) -> None:
        """Delete a node, or make it NotReady."""
        if lost.deleted:
            self.ledger.node_gone(lost.name, self.now)
            del self.nodes[lost.name]
        else:
            self.change(lost.name, lambda info: replace(info, ready=False))

    def join(self, info: NodeInfo) -> None:
        """Add a node that has not existed before."""
        self.nodes[info.name] = info
        self.change(info.name, lambda info: info)

    def headroom(self) -> Sums:
        """Return the headroom of each bounded sum; it is negative where the sum is over its bound."""
        accounts = [self.ledger.balance(scope) for scope in self.ledger.accounting.scopes]
        left = {(each.scope, index): each.headroom(index) for each in accounts for index in range(len(NOTHING))}
        return {key: amount for key, amount in left.items() if amount is not None}

    def headroom_beside_waiting(self) -> Sums:
        """Return `headroom`, not counting unbound pods in pools: as nodes change, they move to other pools, or none."""
        waits = {scope: amounts for scope, amounts in self.ledger.pending().items() if scope != CLUSTER}
        return {(s, i): left + waits.get(s, NOTHING)[i] for (s, i), left in self.headroom().items()}

    def borne(self) -> Sums:
        """Return `headroom` of the sums whose bound is not 0.

        A bound does not go below 0, so a sum that is over its bound may then be over by less; and with its last node a
        pool loses the unbound pods. Nothing can be granted from such a sum anyway.
        """
        return {key: left for key, left in self.headroom().items() if self.bounds()[key]}

    def room(self) -> Sums:
        """Return how much could be granted from each sum."""
        return {key: max(0, left) for key, left in self.headroom().items()}

    def bounds(self) -> Sums:
        """Return the bound of each bounded sum."""
        scopes = self.ledger.accounting.scopes
        every = {(s, i): b for s in scopes for i, b in enumerate(self.ledger.balance(s).scope_limits.bound)}
        return {key: bound for key, bound in every.items() if bound is not None}

    def excused(self, name: str) -> Sums:
        """Return what a node takes, or would take, out of the committed sums while it does not count."""
        held = NOTHING
        for pod in self.pods:
            held = held.plus(pod.footprint) if pod.node == name else held
        scopes = ("cluster", "p") if self.nodes[name].labels else ("cluster",)
        out = {s: held.upto(self.ledger.accounting.bound_of_node(s, self.nodes[name].room)) for s in scopes}
        return {(s, i): out.get(s, NOTHING)[i] for s, i in self.bounds()}


thresholds = st.builds(
    "thresholds: {{memory: {{requests: {}, limits: {}}}, cpu: {{requests: {}}}}}".format,
    *[st.sampled_from(["50%", "100%", "33.333%", "150%"])] * 3,
)


def configs(reserves: st.SearchStrategy[int]) -> st.SearchStrategy[HeadroomConfig]:
    return st.builds(
        lambda all_of_it, pool, ours, theirs: config(
            f"{all_of_it}\nreserve: {{nodes: {ours}}}\n"
            f"pools: [{{name: p, nodeSelector: {{pool: p}}, {pool}, reserve: {{nodes: {theirs}}}}}]"
        ),
        thresholds,
        thresholds,
        reserves,
        reserves,
    )


COUNTED = (True, False, False)

some_states = st.sampled_from(
    [COUNTED, COUNTED, COUNTED, (True, True, False), (True, False, True), (False, False, False)]
)

any_reserve = st.sampled_from([0, 1, 1, 2, 3])

rooms = st.builds(Allocatable, st.integers(0, 20), st.integers(0, 20))

pooled = st.sampled_from([(), POOLED])

happenings = st.lists(st.tuples(st.sampled_from(["lose", "delete", "join"]), st.integers(0, 4), rooms), max_size=3)


def clusters(
    reserves: st.SearchStrategy[int] = any_reserve,
    states: st.SearchStrategy[tuple[bool, bool, bool]] = some_states,
    history: st.SearchStrategy[list[tuple[str, int, Allocatable]]] = happenings,
) -> st.SearchStrategy[Cluster]:
    """Make clusters of up to five nodes, each (Ready, cordoned, tainted), with pods and a history of changes.

    Pods are on these nodes, on other nodes, and on none.
    """
    info = st.builds(
        lambda room, state, labels: NodeInfo("", room, state[0], state[1], TAINT if state[2] else frozenset(), labels),
        rooms,
        states,
        pooled,
    )
    named = st.lists(info, min_size=2, max_size=5).map(
        lambda nodes: [replace(each, name=f"n{number}") for number, each in enumerate(nodes)]
    )
    return st.builds(_after, st.builds(Cluster, configs(reserves), named, pods), history)


def _after(cluster: Cluster, history: list[tuple[str, int, Allocatable]]) -> Cluster:
    for event, number, room in history:
        if event == "join":
            cluster.join(NodeInfo(f"j{number}", room, True, labels=POOLED if number % 2 else ()))
        elif len(cluster.nodes) > 1:
            cluster.lose(Lost(_nth(cluster, number), event == "delete"))
    return cluster


on = st.sampled_from(["n0", "n0", "n0", "n1", "n1", "n2", "n3", "n4", "j0", "j1", "", "stranger"])

amounts = st.builds(Amounts, *[st.integers(0, 12)] * len(NOTHING))

pods = st.lists(st.tuples(amounts, on), max_size=10).map(
    lambda drawn: [PodInfo(f"default/p{n}", f"u{n}", 1, amount, node) for n, (amount, node) in enumerate(drawn)]
)


def _nth(cluster: Cluster, number: int) -> str:
    return sorted(cluster.nodes)[number % len(cluster.nodes)]
