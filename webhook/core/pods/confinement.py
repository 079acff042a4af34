"""Confinement: on which nodes an unbound pod may come to run, as far as that tells which pool it needs room in.

A pod needs room in a pool if whatever node its nodeSelector and its required node affinity let it run on is in there.
Only what surely implies a pool is kept: labels that a node must have, and nodes by name. Other requirements (NotIn,
Exists, In with several values …) narrow the choice further and imply no label, so they are left out.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from webhook.core.pods.objects import Affinity, NodeSelectorTerm, PodSpec

Labels = tuple[tuple[str, str], ...]


class Way(NamedTuple):
    """One way to place a pod: on a node that has all of these labels and, if nodes are named, is one of these."""

    labels: Labels = ()
    nodes: tuple[str, ...] = ()

    def allows(self, node: str, labels: Labels) -> bool:
        """Say whether it may lead to a node of this name and with these labels, as far as is kept of it."""
        return (not self.nodes or node in self.nodes) and all(label in labels for label in self.labels)


Ways = tuple[Way, ...]
"""The ways that a pod leaves open; none is kept for a pod that may run anywhere."""

# Few different ones occur, and equal ones had better be one object: every unbound pod is kept with its own.
_known: dict[Ways, Ways] = {}
_MOST_KNOWN = 4096
_MOST_WAYS = 8
_LARGEST_KNOWN = 2048  # bytes: clients choose what is asked for, and so what is kept of it


def ways(spec: PodSpec) -> Ways:
    """Read what confines a pod, bound or not."""
    terms = _required(spec.affinity) if spec.affinity else None
    if terms is None:
        return _shared((_way(spec.node_selector, NodeSelectorTerm()),)) if spec.node_selector else ()
    # A term without requirements selects no node.
    open_ways = dict.fromkeys(_way(spec.node_selector, t) for t in terms if t.match_expressions or t.match_fields)
    return () if Way() in open_ways else _shared(tuple(open_ways))


def pool_of(
    confined_to: Ways, of_labels: Callable[[Mapping[str, str]], str | None], of_node: Callable[[str], str | None]
) -> str | None:
    """Return the pool that every way leads to; None if they lead to several, or one of them to none for sure."""
    found = {_leads_to(way, of_labels, of_node) for way in confined_to}
    return found.pop() if len(found) == 1 else None


def named_nodes(confined_to: Ways) -> Iterator[str]:
    """Yield the nodes that a pod names."""
    for way in confined_to:
        yield from way.nodes


def weight(confined_to: Ways) -> int:
    """Return about how many bytes it takes to keep these."""
    return sum(
        _EACH + sum(_EACH + len(key) + len(value) for key, value in way.labels) + sum(_EACH + len(n) for n in way.nodes)
        for way in confined_to
    )


_EACH = 160  # bytes for a tuple and two strings, besides their characters


def _leads_to(
    way: Way, of_labels: Callable[[Mapping[str, str]], str | None], of_node: Callable[[str], str | None]
) -> str | None:
    pools = {of_node(node) for node in way.nodes}
    by_name = pools.pop() if len(pools) == 1 else None
    return by_name or of_labels(dict(way.labels))


def _required(affinity: Affinity) -> tuple[NodeSelectorTerm, ...] | None:
    if affinity.node_affinity is None:
        return None
    required = affinity.node_affinity.required_during_scheduling_ignored_during_execution
    return None if required is None else required.node_selector_terms


def _way(selector: Mapping[str, str], term: NodeSelectorTerm) -> Way:
    labels = dict(selector)
    for each in term.match_expressions:
        if each.operator == "In" and len(set(each.values)) == 1:
            labels[each.key] = each.values[0]
    named = [set(f.values) for f in term.match_fields if f.key == "metadata.name" and f.operator == "In"]
    return Way(tuple(sorted(labels.items())), tuple(sorted(set.intersection(*named))) if named else ())


def _shared(found: Ways) -> Ways:
    if len(found) > _MOST_WAYS or weight(found) > _LARGEST_KNOWN:
        return found
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    return _known.setdefault(found, found)
