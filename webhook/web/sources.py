"""What the REST API shows: protocols that the account and the records of refusals fulfil. Any thread may ask them."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from webhook.core.config.config import HeadroomConfig
from webhook.core.reporting.pod_pages import Table
from webhook.core.reporting.report import Report as Account
from webhook.core.reporting.rows import BlockedRow, Commitment, DenialRow, GroupRow, NodeRow, ScopeRow


class Report(Protocol):
    """The account at one moment. It never changes: a newer account is another object."""

    @property
    def revision(self) -> int:
        """Return the revision of the pods that it shows."""

    def commitment(self) -> Commitment:
        """Return the whole account."""

    def nodes(self) -> Iterable[NodeRow]:
        """Return all nodes, by name."""

    def pools(self) -> Iterable[ScopeRow]:
        """Return the pools of nodes."""

    def namespaces(self) -> Iterable[GroupRow]:
        """Return all namespaces with pods."""

    def workloads(self) -> Iterable[GroupRow]:
        """Return all workloads with pods."""

    def by_label(self, label: str) -> Iterable[GroupRow]:
        """Return a row for each value of a label of nodes."""

    def pods(
        self, namespace: str | None = None, node: str | None = None, workload: tuple[str, str] | None = None
    ) -> Table:
        """Return live pods, all or some of them."""


class ReportSource(Protocol):
    """The account of this replica."""

    def latest(self) -> Report:
        """Return the newest report; the same object as long as nothing has changed."""


class Refusals(Protocol):
    """Who was refused lately, by any replica, and who still waits."""

    @property
    def revision(self) -> int:
        """Return a number that changes whenever the rows do."""

    def denials(self) -> Iterable[DenialRow]:
        """Return recent refusals."""

    def blocked(self) -> Iterable[BlockedRow]:
        """Return the owners that are still short of pods."""


class Settings(NamedTuple):
    """The configuration in force; `problem` says why the last edit of the ConfigMap does not apply, None if it does."""

    config: HeadroomConfig
    digest: str
    problem: str | None


class Sources(NamedTuple):
    """Everything that the REST API shows. Without `refusals` it has no routes for them.

    `charge` is told how many seconds of a processor each answer has cost.
    """

    reports: ReportSource
    settings: Callable[[], Settings]
    usage: Callable[[], bytes]  # a PodMetricsList; raises UsageError
    refusals: Refusals | None = None
    account: Callable[[], Account] | None = None  # what questions are answered by; without it there are none
    charge: Callable[[float], None] | None = None


class UsageError(Exception):
    """It is not known what pods use; the message says why and what to do."""
