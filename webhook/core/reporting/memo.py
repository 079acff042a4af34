"""The memo: what was worked out for the last report, and may still be right in the next one."""

from collections.abc import Mapping

from webhook.core.ledger.nodes import Node
from webhook.core.ledger.tallies import Group, Namespace, Total
from webhook.core.reporting.rows import NodeRow


class Memo:
    """What was worked out for the last report and may still be right in the next one: hand it from one to the next.

    Each part is replaced as a whole, and says from which objects it was worked out; those never change.
    """

    def __init__(self) -> None:
        self.nodes: Mapping[str, tuple[Node, Group | None, bool, NodeRow]] = {}  # by name, in that order
        self.node_rows: tuple[NodeRow, ...] = ()  # those of `nodes`
        self.namespaces: Mapping[str, tuple[Namespace, Total]] = {}
