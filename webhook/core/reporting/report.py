"""The report: one account, as every surface shows it: REST, page, command line, metrics, what-if. Nothing else sums up.

A report is made from an `AccountSnapshot` in no time; each table is worked out when it is first asked for, and kept.
The sums are those that the ledger keeps event by event, so no table walks over all pods. Only a page of pods makes rows
for the pods on it (pod_table.py).
"""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final, NamedTuple

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.traits import Workload
from webhook.core.reporting.group_rows import GroupRows
from webhook.core.reporting.memo import Memo
from webhook.core.reporting.node_rows import node_rows
from webhook.core.reporting.pod_rows import PodRows
from webhook.core.reporting.pod_standing import PodStanding
from webhook.core.reporting.pod_table import PodTable
from webhook.core.reporting.rows import Commitment, GroupRow, NodeRow, ScopeRow
from webhook.core.reporting.scope_rows import Scopes
from webhook.core.values.amounts import Amounts


class Circumstances(NamedTuple):
    """What is said of a report beside the account: when it was taken, how old the views are, and what is wrong.

    `as_of` is in RFC 3339, `age` in seconds; `problem` is None if the account can be trusted. `elsewhere` has by scope
    what other replicas granted for pods that are not there yet.
    """

    as_of: str = ""
    age: float = 0.0
    problem: str | None = None
    config_hash: str = ""
    elsewhere: Mapping[str, Amounts] = MappingProxyType({})


NOTHING_SAID: Final = Circumstances()


class Report:
    """One account, with every table that can be shown of it.

    It never changes. Any thread may use it without a lock; two that ask for the same table at once may both make it.
    """

    def __init__(
        self, account: AccountSnapshot, circumstances: Circumstances = NOTHING_SAID, memo: Memo | None = None
    ) -> None:
        self.account = account
        self.circumstances = circumstances
        self._memo = memo or Memo()
        self._standing = PodStanding(account)
        self._groups = GroupRows(account, self._standing, self._memo)
        self._pods = PodRows(account, self._standing)

    @property
    def revision(self) -> int:
        """The revision up to which the watch had shown pods."""
        return self.account.revision

    def commitment(self) -> Commitment:
        """Return the whole account: the cluster, then each pool in the configuration's order."""
        return self._commitment

    def pools(self) -> tuple[ScopeRow, ...]:
        """Return the pools in the configuration's order."""
        return self._commitment.scopes[1:]

    def nodes(self) -> tuple[NodeRow, ...]:
        """Return every known node, by name."""
        return self._nodes

    def namespaces(self) -> tuple[GroupRow, ...]:
        """Return every namespace that has live pods, by name."""
        return self._groups.namespaces

    def workloads(self, namespace: str | None = None) -> tuple[GroupRow, ...]:
        """Return every workload that has live pods, of one namespace or of all; by namespace, kind and name."""
        return self._groups.workloads if namespace is None else tuple(self._groups.workloads_in([namespace]))

    def by_label(self, label: str) -> tuple[GroupRow, ...]:
        """Return what the nodes with each value of a label hold, by value; that of no node and no label comes first."""
        return self._groups.by_label(label)

    def pods(self, namespace: str | None = None, node: str | None = None, workload: Workload | None = None) -> PodTable:
        """Return the live pods, of one namespace, one node or one workload (kind, name), which needs its namespace.

        The node "" has the pods that are not bound.
        """
        return PodTable(list(self._pods.parts(namespace, node, workload)), self._pods.row)

    @cached_property
    def _commitment(self) -> Commitment:
        account, said, config = self.account, self.circumstances, self.account.accounting.config
        scopes = Scopes(account, self._standing.apart, said.elsewhere, self._groups.whole, self._nodes, self._memo)
        return Commitment(
            revision=account.revision,
            as_of=said.as_of,
            age=said.age,
            problem=said.problem,
            mode=config.mode.value,
            config_hash=said.config_hash,
            warn_at=config.warn_at.ratio,
            kubernetes_rules=tuple(each.version for each in account.accounting.rules),
            scopes=tuple(scopes.rows()),
        )

    @cached_property
    def _nodes(self) -> tuple[NodeRow, ...]:
        return node_rows(self.account, self._memo)
