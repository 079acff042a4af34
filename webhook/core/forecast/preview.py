"""Preview: what another configuration would make of the ledger's sums, before it is applied.

    snapshot of the ledger ──► the same pods and nodes under other rules ──► balance of every scope ──► what changes

It works on a copy (`Ledger.parts`), so it needs no lock and does not disturb the ledger. What the pods on a node hold
does not depend on the configuration, so only the nodes and the unbound pods are charged again. What other replicas
granted a moment ago is missing, as in every view.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.types import Mode
from webhook.core.ledger.balance import Balance
from webhook.core.ledger.capacity import ScopeLimits
from webhook.core.ledger.entry import Unbound
from webhook.core.ledger.nodes import Node
from webhook.core.ledger.recount import AlikeIn, Figure, Snapshot, alike_in, charged, figures
from webhook.core.ledger.rules import AccountingRules
from webhook.core.ledger.unbound import Stuck
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

Where = tuple[str, str, str]
"""A sum that can be bounded: its scope, `memory` or `cpu`, `requests` or `limits`."""


class Level(NamedTuple):
    """What a bounded sum is charged, and its bound, in bytes or millicores."""

    charged: int
    bound: int

    @property
    def over(self) -> int:
        """By how much the sum is past its bound; zero or less if it is not."""
        return self.charged - self.bound


class Preview(NamedTuple):
    """What a change of the configuration would change for the worse.

    over       sums past their bound and further than now, with their new levels, the worst first
    closed     sums whose bound becomes 0
    unbound    sums that no longer have a bound, with the bound that they have now
    gone       pools that are no longer there
    empty      pools that select no node
    overlaps   two pools, how many nodes more than now both select, and how many now; the first one has those
    kept       scopes whose reserve takes every node: how many nodes the reserve is for, and how many there are
    """

    mode: Mode
    over: tuple[tuple[Where, Level], ...] = ()
    closed: tuple[Where, ...] = ()
    unbound: tuple[tuple[Where, int], ...] = ()
    gone: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    overlaps: tuple[tuple[str, str, int, int], ...] = ()
    kept: tuple[tuple[str, int, int], ...] = ()


def preview(parts: Snapshot, config: HeadroomConfig) -> Preview:
    """Compare the sums and bounds of now with those under `config`."""
    new = under(parts, config)
    before, after = dict(_levels(_kept(parts))), dict(_levels(balances(new)))
    shared = _overlaps(parts)
    here, there = set(parts.accounting.scopes), set(new.accounting.scopes)
    empty = _empty(new) - (_empty(parts) & here)
    return Preview(
        config.mode,
        over=_over({where: level for where, level in after.items() if where[0] not in _empty(new)}, before),
        closed=tuple(w for w, new in after.items() if w[0] not in empty and _closes(before.get(w), new)),
        unbound=tuple((w, old.bound) for w, old in before.items() if w not in after and w[0] in there),
        gone=tuple(scope for scope in parts.accounting.scopes if scope not in there),
        empty=tuple(scope for scope in new.accounting.scopes if scope in empty),
        overlaps=tuple((*pools, more, shared[pools]) for pools, more in (_overlaps(new) - shared).items()),
        kept=tuple(_kept_whole(new, {where[0] for where, level in after.items() if not level.bound})),
    )


def under(parts: Snapshot, config: HeadroomConfig) -> Snapshot:
    """Return the same pods, nodes and grants under another configuration.

    Of the figures only those remain that do not depend on a configuration: what the pods of each node hold.
    """
    accounting = AccountingRules(config)
    nodes = {name: _moved(node, parts, accounting) for name, node in parts.nodes.items()}
    known = {name: node for name, node in nodes.items() if not _forgotten(node, accounting, parts.now)}
    held = {figure: amounts for figure, amounts in parts.sums.items() if figure[0] == "held"}
    return parts._replace(accounting=accounting, nodes=known, sums=held, limits_by_scope={})


def balances(parts: Snapshot) -> Mapping[str, Balance]:
    """Return the balance of every scope, from what the pods of each node hold and from the unbound pods."""
    alike = alike_in(parts)
    return _balances(*figures(parts, _charged(parts, alike), alike))


def _charged(parts: Snapshot, alike: AlikeIn) -> Iterator[tuple[Figure, Amounts]]:
    for figure, amounts in parts.sums.items():
        node = parts.nodes.get(figure[1])
        yield figure, amounts
        for scope in (CLUSTER,) if node is None else node.scopes:
            yield ("committed", scope), amounts
    yield from charged(Counter(alike(name, pod) for name, pod in parts.pods.items() if isinstance(pod, Unbound)))


def _kept(parts: Snapshot) -> Mapping[str, Balance]:
    return _balances(parts.sums, parts.limits_by_scope)


def _balances(sums: Mapping[Figure, Amounts], limits_by_scope: Mapping[str, ScopeLimits]) -> Mapping[str, Balance]:
    balances = {}
    for scope, scope_limits in limits_by_scope.items():
        committed, unseen = (sums.get((figure, scope), NOTHING) for figure in ("committed", "unseen"))
        stuck = Stuck._make(sums.get((figure, scope), NOTHING) for figure in Stuck._fields)
        balances[scope] = Balance(scope, committed, unseen, scope_limits, stuck)
    return balances


def _moved(node: Node, parts: Snapshot, accounting: AccountingRules) -> Node:
    """Return a node in its new pool.

    A node that only the new rules have down is lost from now on: the whole node, or just its pods if it did not count.
    """
    pools = accounting.pools_of(dict(node.info.labels))
    moved = replace(node, pool=pools[0] if pools else None, overlaps=pools[1:])
    down = node.down(accounting.nodes, parts.now)
    if down == parts.down(node):
        return moved
    name = node.info.name
    outside = parts.why_not(name) is not None and not parts.leaving(node)
    holding = parts.sums.get(("held", name), NOTHING) if down and outside else None
    return replace(moved, lost_at=parts.now, lost_holding=holding)


def _forgotten(node: Node, accounting: AccountingRules, now: float) -> bool:
    return node.deleted_at is not None and node.deleted_at + accounting.nodes.forget_deleted_after <= now


def _levels(balances: Mapping[str, Balance]) -> Iterator[tuple[Where, Level]]:
    for scope, balance in balances.items():
        charged = balance.committed.plus(balance.unseen)
        for index, bound in enumerate(balance.scope_limits.bound):
            if bound is not None:
                resource, kind = Amounts._fields[index].split("_")[:2]
                yield (scope, resource, kind), Level(charged[index], bound)


def _over(after: Mapping[Where, Level], before: Mapping[Where, Level]) -> tuple[tuple[Where, Level], ...]:
    """Return the sums that are past their bound and further past it than now, the worst first."""
    over = [(w, new) for w, new in after.items() if new.over > 0 and new.over > (before[w].over if w in before else 0)]
    return tuple(sorted(over, key=lambda each: each[1].charged / max(1, each[1].bound), reverse=True))


def _closes(old: Level | None, new: Level) -> bool:
    """Say whether a bound becomes 0 while nothing is charged to it, so that it does not show as over."""
    return new == (0, 0) and (old is None or old.bound > 0)


def _kept_whole(parts: Snapshot, closed: set[str]) -> Iterator[tuple[str, int, int]]:
    """Yield each closed scope whose reserve takes all nodes that count, with the reserve and the number of nodes."""
    for scope in parts.accounting.scopes:
        reserve = parts.accounting.reserve_nodes(scope)
        if scope in closed and reserve:
            counted = sum(parts.why_not(name) is None for name, node in parts.nodes.items() if scope in node.scopes)
            if 0 < counted <= reserve:
                yield scope, reserve, counted


def _empty(parts: Snapshot) -> set[str]:
    taken = {node.pool for node in parts.nodes.values() if node.deleted_at is None}
    return set(parts.accounting.scopes[1:]) - taken


def _overlaps(parts: Snapshot) -> Counter[tuple[str, str]]:
    nodes = [node for node in parts.nodes.values() if node.deleted_at is None]
    return Counter((node.pool or "", other) for node in nodes for other in node.overlaps)
