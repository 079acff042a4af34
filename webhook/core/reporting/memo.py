"""The memo: what was worked out for the last report, and may still be right in the next one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from webhook.core.ledger.nodes import Node
from webhook.core.ledger.tallies import Group, Namespace, Total
from webhook.core.reporting.rows import NodeRow

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class NodeMemo(NamedTuple):
    """The rows of nodes, and what they were made from; `rows` has by name those of `table`, in that order."""

    nodes: Mapping[str, Node] = _NONE
    groups: Mapping[str, Group] = _NONE
    excused: Collection[str] = ()
    rows: Mapping[str, NodeRow] = _NONE
    table: tuple[NodeRow, ...] = ()


class Members(NamedTuple):
    """What the nodes of one scope are alone: how many there are, and of those that count, what is allocatable.

    `names` are those that count. Sums are None if a part is not known.
    """

    nodes: int
    names: tuple[str, ...]
    memory: int | None
    cpu: int | None
    pods: int | None


class ScopeMemo(NamedTuple):
    """The members of scopes, and what they were found among; their free pieces, and the rows that these are of."""

    nodes: Mapping[str, Node] = _NONE
    excused: frozenset[str] = frozenset()
    members: Mapping[str, Members] = _NONE  # by scope
    table: tuple[NodeRow, ...] | None = None
    pieces: Mapping[str, Sequence[int]] = _NONE  # by scope: the free memory of each node that counts, ascending


@dataclass(slots=True)
class Memo:
    """What was worked out for the last report and may still be right in the next one: hand it from one to the next.

    Each part is replaced as a whole, and says from which objects it was worked out; those never change.
    """

    nodes: NodeMemo = field(default_factory=NodeMemo)
    scopes: ScopeMemo = field(default_factory=ScopeMemo)
    namespaces: Mapping[str, tuple[Namespace, Total]] = field(default_factory=dict)
