"""The account at one moment: what a report is made of, copied from the ledger while its lock is held.

Every value in it is immutable, or is never changed once it is here, so any thread may read it without a lock.
"""

from collections.abc import Mapping
from typing import NamedTuple

from webhook.core.ledger.balance import Balance
from webhook.core.ledger.entry import Entry
from webhook.core.ledger.nodes import Node
from webhook.core.ledger.rules import AccountingRules, Bound
from webhook.core.ledger.tallies import TallySnapshot
from webhook.core.ledger.unbound import Waiting
from webhook.core.values.amounts import Amounts


class ScopeSnapshot(NamedTuple):
    """One scope: its balance, its bounds if its largest node were lost, and the nodes that use up its reserve."""

    balance: Balance
    without_largest: Bound
    out: tuple[str, ...]


class AccountSnapshot(NamedTuple):
    """Everything that a report shows.

    `held` has what the pods of each node commit; `live` is the number of live pods. `excused` has by node that does not
    count, and by scope, what the node takes out of the sums. Those of these nodes that are `leaving` (cordoned) take
    out of the cluster's sums `unpaid` together, at most; `leaving_is_out` says whether that is anything. `grown` has
    the pods that were seen to grow, and no review was asked about that.
    """

    now: float
    accounting: AccountingRules
    revision: int
    live: int
    tallies: TallySnapshot
    held: Mapping[str, Amounts]
    nodes: Mapping[str, Node]
    excused: Mapping[str, Mapping[str, Amounts]]
    leaving: frozenset[str]
    unpaid: Amounts
    leaving_is_out: bool
    unbound: tuple[Waiting, ...]
    grown: Mapping[str, Entry]
    scopes: tuple[ScopeSnapshot, ...]
