"""Where the commands get their answers: Headroom in the cluster, or the API server."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from webhook.cli.cluster import Target
from webhook.cli.remote import InForce, remote
from webhook.core.forecast.questions import (
    CheckAnswer,
    CheckQuestion,
    FitAnswer,
    FitQuestion,
    SimulateAnswer,
    SimulateQuestion,
)
from webhook.core.reporting.rows import BlockedRow, Commitment, DenialRow, GroupRow, NodeRow, PodRow


class Source(Protocol):
    """What both can say; every method raises `CannotTell` if there is no answer, `UsageError` for a bad question."""

    def config(self) -> InForce: ...
    def commitment(self) -> Commitment: ...
    def nodes(self, query: Mapping[str, str]) -> Sequence[NodeRow]: ...
    def groups(self, by: str, query: Mapping[str, str]) -> Sequence[GroupRow]: ...
    def largest_namespaces(self, most: int) -> Sequence[GroupRow]: ...
    def pods(self, query: Mapping[str, str]) -> Sequence[PodRow]: ...
    def blocked(self, query: Mapping[str, str]) -> Sequence[BlockedRow] | None: ...
    def denials(self, query: Mapping[str, str]) -> Sequence[DenialRow] | None: ...
    def check(self, question: CheckQuestion) -> CheckAnswer: ...
    def fit(self, question: FitQuestion) -> FitAnswer: ...
    def simulate(self, question: SimulateQuestion) -> SimulateAnswer: ...


def source(target: Target) -> Source:
    """Return the source that the user asked for."""
    if not target.direct:
        return remote(target)
    from webhook.cli.direct import direct  # noqa: PLC0415 - it imports half of the webhook, which takes a second

    return direct(target)
