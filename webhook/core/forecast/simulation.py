"""Simulations: what another configuration, or other nodes, would make of the account.

    account ──► nodes taken away or added, thresholds changed ──► a scratch ledger
            ──► the pods of the nodes that go, one by one

The pods of a node that is taken away are created again, as their controllers would do it: each is judged by the code
that judges reviews, the largest first. A DaemonSet's pods are not: they go with their node. Where a bound pod may go is
not known, since only its node is kept, so each is taken to be able to go anywhere.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from msgspec import Struct

from webhook.core.config.config import HeadroomConfig
from webhook.core.forecast.scratch import pods_on, scratch_with
from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.entry import Entry
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, Node, NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.reviews.verdict import Decision, judge

_DAEMON_SET: Final = "DaemonSet"
_MOST_NAMED: Final = 20


class SimulationError(ValueError):
    """What is asked for cannot be simulated; the message says what would be right."""


class NewNodes(NamedTuple):
    """So many nodes like this one to add."""

    number: int
    room: Allocatable
    labels: Mapping[str, str]


class Changes(NamedTuple):
    """What is to be tried: another configuration, nodes that go with their pods, nodes that come.

    `drain`ed nodes are cordoned as well: the reserve pays for them. `without` are gone, with their room.
    """

    config: HeadroomConfig | None = None
    without: frozenset[str] = frozenset()
    drain: frozenset[str] = frozenset()
    add: tuple[NewNodes, ...] = ()


class Displaced(Struct, frozen=True):
    """The pods of the nodes that go: how many, how many would be admitted again, and some that would not."""

    pods: int
    admitted: int
    refused: tuple[str, ...]


class Simulated(NamedTuple):
    """The account as it would be, with the pods of lost nodes that would be admitted again."""

    ledger: Ledger
    displaced: Displaced


def simulate(account: AccountSnapshot, changes: Changes) -> Simulated:
    """Return what the account would be; raises `SimulationError`."""
    unknown = sorted((changes.without | changes.drain) - account.nodes.keys())
    if unknown:
        raise SimulationError(f"there is no node {unknown[0]}: name nodes as kubectl get nodes shows them")
    accounting = account.accounting
    if changes.config is not None:
        accounting = AccountingRules(changes.config, accounting.rules)
    going = changes.without | changes.drain
    emptied = account._replace(held={name: held for name, held in account.held.items() if name not in going})
    ledger = scratch_with(emptied, _kept(account, changes), accounting)
    for info in _new(changes.add):
        ledger.see_node(info, account.now)
    for name in sorted(changes.drain):
        ledger.see_node(replace(account.nodes[name].info, cordoned=True), account.now)
    return Simulated(ledger, _displaced(ledger, account, going))


def in_zone(account: AccountSnapshot, zone: str, label: str = "topology.kubernetes.io/zone") -> frozenset[str]:
    """Return the nodes of a zone; raises `SimulationError` if there are none."""
    found = frozenset(n for n, node in account.nodes.items() if dict(node.info.labels).get(label) == zone)
    if not found:
        raise SimulationError(f"no node has the label {label}={zone}")
    return found


def _kept(account: AccountSnapshot, changes: Changes) -> Iterator[Node]:
    for name, node in account.nodes.items():
        if name not in changes.without:
            yield node


def _new(add: Iterable[NewNodes]) -> Iterator[NodeInfo]:
    for which, each in enumerate(add):
        for number in range(each.number):
            yield NodeInfo(f"new-{which + 1}-{number + 1}", each.room, True, labels=tuple(sorted(each.labels.items())))


def _displaced(ledger: Ledger, account: AccountSnapshot, nodes: Iterable[str]) -> Displaced:
    pods = list(_largest_first(account, nodes))
    refused, mode = [], ledger.accounting.config.mode
    for name, entry in pods:
        again = PodInfo(f"{name}", f"{entry.uid}-again", 0, entry.footprint)
        policy = ledger.accounting.lets_in(name, "", of_daemon_set=False)
        if not policy and judge(ledger, again, mode).decision is Decision.DENY:
            refused.append(name)
        else:
            ledger.see(PodInfo(name, again.uid, 1, entry.footprint))
    return Displaced(len(pods), len(pods) - len(refused), tuple(refused[:_MOST_NAMED]))


def _largest_first(account: AccountSnapshot, nodes: Iterable[str]) -> Sequence[tuple[str, Entry]]:
    found = [(name, e) for node in nodes for name, e in pods_on(account, node) if e.traits.workload[0] != _DAEMON_SET]
    return sorted(found, key=lambda each: (-each[1].footprint.memory_requests, each[0]))
