"""Refusal records: what is shown of a decision, made from the same values as its audit line."""

from collections.abc import Callable

from webhook.admission.decision_record import DecisionRecord
from webhook.core.events.reference import Reference
from webhook.core.ledger.info import PodInfo
from webhook.core.reporting.refusal import Refusal, is_shown
from webhook.core.reporting.rows import DenialRow
from webhook.core.reviews.forms import LONGEST_NAME, LONGEST_USER
from webhook.core.reviews.messages import printable
from webhook.observability.audit_record import Line

_MESSAGE = 500  # characters, as in a refusal; only a quota's own words may be longer


def refusal(
    decided: DecisionRecord, line: Line, owner: Reference | None, scopes_of: Callable[[PodInfo], tuple[str, ...]]
) -> Refusal | None:
    """Return a decision as it is shown; None if mode enforce would not surely have refused it.

    `line` is its audit line, and `owner` the controller that the pod names.
    """
    if not is_shown(line.decision, line.mode, line.reason):
        return None
    row = DenialRow(
        ts=line.ts,
        since=line.ts,
        count=1,
        replica=line.replica,
        decision=line.decision,
        reason=line.reason,
        message=printable(line.message, _MESSAGE),
        dry_run=line.dry_run,
        mode=line.mode,
        operation=line.operation,
        user=printable(line.user, LONGEST_USER),
        kind=line.kind,
        namespace=line.namespace,
        name=printable(line.name, LONGEST_NAME),
        owner_kind=line.owner_kind,
        owner_name=line.owner_name,
        top_owner_kind=None,
        top_owner_name=None,
        scope=line.scope,
        asked_requests=line.asked_requests_bytes,
        asked_limits=line.asked_limits_bytes,
        short_by_requests=line.short_by_requests_bytes,
        short_by_limits=line.short_by_limits_bytes,
        short_sums=line.short_sums,
    )
    asked = decided.case.evaluation
    if asked is None:
        return Refusal(row, None)
    return Refusal(row, owner, asked.info.footprint, scopes_of(asked.info))
