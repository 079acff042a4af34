"""The memo: what was worked out for the last report, and may still be right in the next one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webhook.core.ledger.nodes import Node
from webhook.core.ledger.tallies import Group, Namespace, Total
from webhook.core.reporting.rows import NodeRow


@dataclass(slots=True)
class Memo:
    """What was worked out for the last report and may still be right in the next one: hand it from one to the next.

    Each part is replaced as a whole, and says from which objects it was worked out; those never change.
    """

    nodes: Mapping[str, tuple[Node, Group | None, bool, NodeRow]] = field(
        default_factory=dict
    )  # by name, in that order
    node_rows: tuple[NodeRow, ...] = ()  # those of `nodes`
    namespaces: Mapping[str, tuple[Namespace, Total]] = field(default_factory=dict)
