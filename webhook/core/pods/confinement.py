"""Confinement: on which nodes an unbound pod may run, by its nodeSelector and its required node affinity.

The rule is that of `GetRequiredNodeAffinity` in k8s.io/component-helpers/scheduling/corev1/nodeaffinity: a node must
have the labels of the nodeSelector and meet all requirements of one term. Taints are not considered: a toleration may
still be added to a pending pod, and taints come and go.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from webhook.core.api.types import Affinity, NodeRequirement, NodeSelectorTerm, PodSpec

Labels = tuple[tuple[str, str], ...]

NAME = ""
"""In place of a label key, this means the node's name; a label key is never empty."""


class Need(NamedTuple):
    """A requirement on the label `key` of a node, as Kubernetes writes it; a single required value is a `Way` label."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class Way(NamedTuple):
    """One way to place a pod: on a node with these labels, one of `nodes` if any are named, that meets `needs`."""

    labels: Labels = ()
    nodes: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()

    def allows(self, name: str, labels: Mapping[str, str]) -> bool:
        """Say whether a pod may go this way to a node with this name and these labels."""
        if self.nodes and name not in self.nodes:
            return False
        for key, value in self.labels:
            if labels.get(key) != value:
                return False
        return all(meets(need, name if need.key == NAME else labels.get(need.key)) for need in self.needs)


Ways = tuple[Way, ...]
"""The ways of which a pod may go any; empty for a pod that may run anywhere."""

NO_NODE: Ways = (Way(needs=(Need(NAME, "In"),)),)
"""The confinement of a pod that no node can ever hold."""

MOST_PIECES = 1_000
"""The most labels, terms, requirements and values of one pod's confinement; a larger confinement is ignored."""

# Few different confinements occur. Equal ones are made one object, because every unbound pod is kept with its own.
_known: dict[Ways, Ways] = {}
_MOST_KNOWN = 4096
_MOST_WAYS = 8
_LARGEST_KNOWN = 2048  # bytes; clients choose the confinements, and so what is kept here


def ways(spec: PodSpec) -> Ways:
    """Return what confines a pod, bound or not; empty if that has more than `MOST_PIECES` pieces."""
    if not (spec.node_selector or spec.affinity):
        return ()
    return () if pieces(spec) > MOST_PIECES else _shared(_read(spec))


def _read(spec: PodSpec) -> Ways:
    terms = _required(spec.affinity) if spec.affinity else None
    if terms is None:
        return (Way(tuple(sorted(spec.node_selector.items()))),) if spec.node_selector else ()
    # A term without requirements selects no node, and so does one that cannot be met.
    open_ways = dict.fromkeys(
        way for term in terms if _says_anything(term) and (way := _way(spec.node_selector, term)) is not None
    )
    return () if Way() in open_ways else tuple(open_ways) or NO_NODE


def pieces(spec: PodSpec) -> int:
    """Return the number of labels, terms, requirements and values of a pod's confinement."""
    terms = _required(spec.affinity) if spec.affinity else None
    requirements = [r for term in terms or () for r in (*term.match_expressions, *term.match_fields)]
    return len(spec.node_selector) + len(terms or ()) + len(requirements) + sum(len(r.values) for r in requirements)


def admits(confined_to: Ways, name: str, labels: Mapping[str, str]) -> bool:
    """Say whether a pod with this confinement may run on a node with this name and these labels."""
    return not confined_to or any(way.allows(name, labels) for way in confined_to)


def meets(need: Need, value: str | None) -> bool:
    """Say whether the value of a label (None: the node lacks the label) meets a need."""
    match need.operator:
        case "In":
            return value in need.values
        case "NotIn":
            return value not in need.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            have, wanted = number(value or ""), number(need.values[0])
            if have is None or wanted is None:
                return False
            return have > wanted if need.operator == "Gt" else have < wanted


def implied_pool(
    confined_to: Ways, of_labels: Callable[[Mapping[str, str]], str | None], of_node: Callable[[str], str | None]
) -> str | None:
    """Return the pool that every way leads to by the labels or the node that it requires, whatever nodes exist.

    None if the ways lead to several pools, or if one of them does not imply a pool. The needs of a way are not
    considered: they narrow the choice of nodes, but do not imply a label.
    """
    found = {_implied(way, of_labels, of_node) for way in confined_to}
    return found.pop() if len(found) == 1 else None


def weight(confined_to: Ways) -> int:
    """Return about how many bytes of memory a confinement takes."""
    return sum(
        _EACH
        + sum(_EACH + len(key) + len(value) for key, value in way.labels)
        + sum(_EACH + len(node) for node in way.nodes)
        + sum(_EACH + len(need.key) + sum(_VALUE + len(value) for value in need.values) for need in way.needs)
        for way in confined_to
    )


_EACH = 160  # bytes for a tuple and two strings, besides their characters
_VALUE = 64  # bytes for another string


def _implied(
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


def _says_anything(term: NodeSelectorTerm) -> bool:
    return bool(term.match_expressions or term.match_fields)


def _way(selector: Mapping[str, str], term: NodeSelectorTerm) -> Way | None:
    """Return a term of the node affinity, with the nodeSelector, as a way; None if no node can ever meet it."""
    labels, needs = dict(selector), dict[Need, None]()
    for each in term.match_expressions:
        if not _is_sound(each):
            return None
        if each.operator == "In" and len(set(each.values)) == 1:
            if labels.setdefault(each.key, each.values[0]) != each.values[0]:
                return None
        else:
            needs[Need(each.key, each.operator, tuple(sorted(set(each.values))))] = None
    named = set[str]()
    for each in term.match_fields:
        if each.operator not in {"In", "NotIn"} or len(each.values) != 1:
            return None
        if each.key != "metadata.name":  # Kubernetes takes this field of any node as empty; no API server accepts one
            if (each.values[0] == "") != (each.operator == "In"):
                return None
        elif each.operator == "In":
            named.update(each.values)
        else:
            needs[Need(NAME, "NotIn", each.values)] = None
    return None if len(named) > 1 else Way(tuple(sorted(labels.items())), tuple(named), tuple(sorted(needs)))


_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}")


def _is_sound(requirement: NodeRequirement) -> bool:
    """Say whether Kubernetes can read a requirement; a term with one that it cannot read selects no node."""
    values = requirement.values
    match requirement.operator:
        case "In" | "NotIn":
            fits = bool(values)
        case "Exists" | "DoesNotExist":
            fits = not values
        case "Gt" | "Lt":
            fits = len(values) == 1 and number(values[0]) is not None
        case _:
            fits = False
    return fits and all(_LABEL_VALUE.fullmatch(value) for value in values)


def number(text: str) -> int | None:
    """Read a number as Go's `strconv.ParseInt` does, into 64 bits; None if the text is not such a number."""
    value = int(text) if _NUMBER.fullmatch(text) else 2**63
    return value if -(2**63) <= value < 2**63 else None


def _shared(found: Ways) -> Ways:
    if len(found) > _MOST_WAYS or weight(found) > _LARGEST_KNOWN:
        return found
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    return _known.setdefault(found, found)
