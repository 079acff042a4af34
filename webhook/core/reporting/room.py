"""Room: how much is missing for one pod of a blocked owner now, and the rows that show it."""

from collections.abc import Mapping
from typing import NamedTuple

from webhook.core.ledger.balance import Balance
from webhook.core.ledger.rules import bounded_sums
from webhook.core.reporting.blocked import Blocked
from webhook.core.reporting.rows import BlockedRow
from webhook.core.reviews.verdict import Reason
from webhook.core.values.amounts import NOTHING, Amounts

Balances = Mapping[str, Balance]
"""The present balance of every scope, by its name; empty where there is no account to judge by."""

_CPU = Amounts._fields.index("cpu_requests")


class Missing(NamedTuple):
    """How much is missing for one pod: bytes of memory and millicores of cpu, the most of any sum in any scope."""

    memory: int
    cpu: int

    @property
    def fits(self) -> bool:
        """Say whether nothing is missing."""
        return not (self.memory or self.cpu)


def missing(blocked: Blocked, balances: Balances, taken: Mapping[str, Amounts] | None = None) -> Missing | None:
    """Return what is missing for one pod beside what else is about to be `taken`, by scope; None: it cannot be said.

    For a pod that no node can hold, no sum says when it fits. Scopes that are no longer configured do not matter.
    """
    if blocked.reason == Reason.UNPLACEABLE or not any(scope in balances for scope in blocked.scopes):
        return None
    memory = cpu = 0
    for scope in blocked.scopes:
        balance = balances.get(scope)
        if balance is None:
            continue
        coming = (taken or {}).get(scope, NOTHING)
        for index, _ in bounded_sums(balance.scope_limits.bound):
            short = blocked.asks[index] + coming[index] - (balance.headroom(index) or 0)
            if blocked.asks[index] and short > 0:
                memory, cpu = (memory, max(cpu, short)) if index >= _CPU else (max(memory, short), cpu)
    return Missing(memory, cpu)


def row_of(blocked: Blocked, balances: Balances) -> BlockedRow:
    """Return the row of a blocked owner, with what is missing by the present balances."""
    owner, top, asks = blocked.owner, blocked.top or blocked.owner, blocked.asks
    short = missing(blocked, balances)
    return BlockedRow(
        kind=top.kind,
        namespace=owner.namespace,
        name=top.name,
        controller_kind=owner.kind,
        controller_name=owner.name,
        scope=blocked.scope,
        reason=blocked.reason,
        message=blocked.message,
        asks_requests=asks.memory_requests,
        asks_limits=asks.memory_limits,
        asks_cpu_requests=asks.cpu_requests,
        asks_cpu_limits=asks.cpu_limits,
        missing=blocked.missing,
        short_by=None if short is None else short.memory,
        short_by_cpu=None if short is None else short.cpu,
        count=blocked.count,
        since=blocked.since,
        last=blocked.last,
        waits_for_itself=blocked.stuck and not (short is not None and short.fits),
    )
