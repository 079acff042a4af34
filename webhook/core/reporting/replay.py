"""Replay: which logged decisions would have been others under what is simulated.

    audit line ──► what was committed and asked at that moment
    before, after ──► by how much nodes, reserve and what is committed differ ──► the bound and the decision then

Each decision is looked at by itself, with what was committed when it was made: that pods which would have been admitted
would have taken room from later ones is left out. A pod that simply fitted has no audit line, so of what would newly be
refused only that is found which was near a threshold, or admitted in a trial mode.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from webhook.core.config.percentage import WHOLE, Share
from webhook.core.config.types import Mode
from webhook.core.reporting.auditlines import AuditLine, Faulty
from webhook.core.reporting.rows import Commitment, Line, ScopeRow
from webhook.core.reporting.trial import Owner
from webhook.core.reviews.verdict import Decision, Reason, refusing

_PODS: Final = frozenset({"Pod", "Pod/resize", "Pod/binding"})
_OVER: Final = frozenset({Reason.MEMORY, Reason.CPU})
_ADMITTED: Final = Decision.ALLOW


class Change(NamedTuple):
    """Decisions about the pods of one owner that would have been others: what was decided, what would have been."""

    owner: Owner
    was: Decision
    then: Decision
    number: int
    first: str
    last: str


class Replay(NamedTuple):
    """All decisions that were looked at: those that would be others, how many would be the same or cannot be told.

    `faults` has the number of texts that cannot be read, by reason. `same` contains the decisions that no threshold
    decided, such as an exemption.
    """

    changes: tuple[Change, ...]
    same: int
    untold: int
    faults: Mapping[Faulty, int]

    @property
    def changed(self) -> int:
        """How many decisions would be others."""
        return sum(each.number for each in self.changes)

    @property
    def newly_refused(self) -> int:
        """How many pods that were admitted would be refused."""
        return sum(each.number for each in self.changes if each.then is Decision.DENY)


class _Sum(NamedTuple):
    """One sum of a line; None is unknown, or has no threshold."""

    asked: int | None
    committed: int | None
    bound: int | None
    allocatable: int | None
    before: Line
    after: Line
    grew: int  # how much more is allocatable after than before


class _UntoldError(Exception):
    """The line does not say enough."""


def replay(lines: Iterable[AuditLine | Faulty], before: Commitment, after: Commitment) -> Replay:
    """Decide again what the lines say was decided; a review that several lines tell of counts once."""
    reviews: dict[str, AuditLine] = {}
    faults: dict[Faulty, int] = {}
    for line in lines:
        if isinstance(line, Faulty):
            faults[line] = faults.get(line, 0) + 1
        elif line.event == "decision" and not line.dry_run and line.kind in _PODS:
            reviews.setdefault(line.uid, line)
    changed: dict[tuple[Owner, Decision, Decision], list[str]] = {}
    same = untold = 0
    for line in reviews.values():
        try:
            was, then = _decided(line), _decided_then(line, before, after)
        except _UntoldError:
            untold += 1
            continue
        if was is then:
            same += 1
        else:
            changed.setdefault((Owner(line.namespace, *line.owner), was, then), []).append(line.ts)
    changes = [Change(*key, len(times), min(times), max(times)) for key, times in changed.items()]
    return Replay(tuple(sorted(changes, key=lambda each: (-each.number, each))), same, untold, faults)


def _decided(line: AuditLine) -> Decision:
    """Return what a line says was decided: what is near a threshold was admitted."""
    return Decision(line.decision) if line.reason in _OVER else _ADMITTED


def _decided_then(line: AuditLine, before: Commitment, after: Commitment) -> Decision:
    """Return what would have been decided; raises `_UntoldError`."""
    if line.reason not in (*_OVER, Reason.NEAR_BOUND):
        return _decided(line)
    here = {scope.scope: scope for scope in before.scopes}.get(line.scope or "")
    there = {scope.scope: scope for scope in after.scopes}.get(line.scope or "")
    if here is None or there is None or any(each.rpartition("/")[0] != line.scope for each in line.short_sums or ()):
        raise _UntoldError  # a scope that is not there, or short in another one than the figures are about
    is_same = line.config_hash == before.config_hash
    over = [_is_over(each, is_same=is_same) for each in _sums(line, here, there)]
    if not any(over):
        return _ADMITTED
    mode = after.mode if line.mode == before.mode else line.mode
    return refusing(Mode(mode))


def _is_over(of: _Sum, *, is_same: bool) -> bool:
    """Say whether a sum would be past its threshold with what is asked; only what grows is judged."""
    if of.asked == 0 or of.after.threshold is None:
        return False
    if of.asked is None or of.committed is None or of.allocatable is None:
        raise _UntoldError
    more = _charged(of.after) - _charged(of.before)
    return of.committed + more + of.asked > _bound(of, is_same=is_same)


def _bound(of: _Sum, *, is_same: bool) -> int:
    """Return the bound as it would have been; as it was, where nothing that it is made of differs."""
    unchanged = (of.before.threshold, of.before.reserve) == (of.after.threshold, of.after.reserve) and not of.grew
    if is_same and unchanged and of.bound is not None:
        return of.bound
    share = Share(round((of.after.threshold or 0.0) * WHOLE))
    return max(0, share.of((of.allocatable or 0) + of.grew - of.after.reserve))


def _charged(line: Line) -> int:
    return line.committed + line.granted


def _sums(line: AuditLine, here: ScopeRow, there: ScopeRow) -> Iterator[_Sum]:
    grew = there.memory.allocatable - here.memory.allocatable
    yield _Sum(
        line.asked_requests_bytes, line.committed_requests_bytes, line.bound_requests_bytes, line.allocatable_bytes,
        here.memory.requests, there.memory.requests, grew,
    )  # fmt: skip
    yield _Sum(
        line.asked_limits_bytes, line.committed_limits_bytes, line.bound_limits_bytes, line.allocatable_bytes,
        here.memory.limits, there.memory.limits, grew,
    )  # fmt: skip
    grew = there.cpu.allocatable - here.cpu.allocatable
    yield _Sum(
        line.asked_requests_millicores, line.committed_requests_millicores, line.bound_requests_millicores,
        line.allocatable_millicores, here.cpu.requests, there.cpu.requests, grew,
    )  # fmt: skip
    yield _Sum(
        line.asked_limits_millicores, line.committed_limits_millicores, line.bound_limits_millicores,
        line.allocatable_millicores, here.cpu.limits, there.cpu.limits, grew,
    )  # fmt: skip
