"""Decisions: from an evaluation, the ledger and the allotment to a verdict, which may have to be booked first.

To decide and to reserve is one step: the caller holds the one lock during all of it.
"""

from msgspec import Struct
from msgspec.structs import replace

from webhook.core.config.types import Answer
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.awaiting import awaiting
from webhook.core.reviews.evaluation import Evaluation
from webhook.core.reviews.taken import named
from webhook.core.reviews.verdict import (
    Decision,
    Reason,
    Sum,
    Verdict,
    cannot_tell,
    growth,
    judge,
    judge_placing,
    refuse,
    refuse_by_quota,
)
from webhook.core.sharing.allotment import Allotment
from webhook.core.sharing.credit import Cause, Shortfall
from webhook.core.sharing.shared_state import Shared
from webhook.core.values.amounts import Amounts

_TOO_MANY = "more pods were let in and have not been seen yet than this replica can keep in mind"


class Outcome(Struct, frozen=True, gc=False):
    """A verdict, and whether it is final (`settled`) or holds only once the pod is booked.

    A pod without credit for now `awaits` earlier pods: `awaits` is the verdict for it if they do not come in time.
    """

    verdict: Verdict
    settled: bool
    awaits: Verdict | None = None


def decide(ledger: Ledger, allotment: Allotment, evaluation: Evaluation, now: float) -> Outcome:
    """Judge a pod and, if it is admitted, reserve for it if the allotment covers it.

    A repeated review (the same pod, by its UID) gets the same answer and reserves nothing new. Nothing is reserved
    either for a pod that policy lets in and that no node can hold, because it does not count until it is bound. In the
    modes warn and audit a pod waits for the same things as in mode enforce, so its verdict says what enforce would say.
    """
    pod, dry_run = evaluation.info, evaluation.request.dry_run
    lacking = ledger.lacking(pod)
    placing = None if lacking is None else _placing(evaluation, lacking)
    certain = _whatever_is_free(evaluation, placing)
    if certain is not None:
        return Outcome(certain, settled=True)
    if not dry_run and allotment.grants.again(pod, now):
        return Outcome(said_before(ledger, pod) or placing or _fitting(evaluation), settled=True)
    if lacking is None and allotment.grants.is_roomy(pod):  # most pods take this short way
        return Outcome(_fitting(evaluation), settled=bool(dry_run) or allotment.grants.take(pod, now))
    return _looked_at(ledger, allotment, evaluation, placing, now)


def _looked_at(
    ledger: Ledger, allotment: Allotment, evaluation: Evaluation, placing: Verdict | None, now: float
) -> Outcome:
    """Decide by each sum, by the credit of each subject, and by how many grants there are."""
    pod, dry_run = evaluation.info, evaluation.request.dry_run
    verdict = _by_view(ledger, evaluation, placing)
    if not verdict.allowed or (evaluation.forced and ledger.sets_apart(pod)):
        return Outcome(verdict, settled=True)
    if allotment.valid(now) and ledger.is_overtaken(pod):
        # The API server asks again for the newer object; a grant would stay open for the whole lapse.
        return Outcome(verdict, settled=True)
    shortfall = allotment.grants.shortfall(pod, now)
    if shortfall is not None:
        return _beyond_credit(evaluation, verdict, shortfall, now)
    if not dry_run and not allotment.grants.holds(pod, forced=evaluation.forced):  # policy admits its pods all the same
        certain = evaluation.exempt is not None or verdict.is_over
        return Outcome(verdict if certain else cannot_tell(evaluation.mode, _TOO_MANY), settled=True)
    taken = bool(dry_run) or allotment.grants.take(pod, now)
    if taken:
        remember(ledger, evaluation, verdict)
    return Outcome(verdict, settled=taken)


def _by_view(ledger: Ledger, evaluation: Evaluation, placing: Verdict | None) -> Verdict:
    judged = named(ledger, evaluation.info, judge(ledger, evaluation.info, evaluation.mode))
    return verdict_of(evaluation, judged) if placing is None else _both(placing, judged)


def foretell(ledger: Ledger, evaluation: Evaluation) -> Verdict:
    """Return the verdict by one view alone, as if no other replica held anything and every owner had credit."""
    lacking = ledger.lacking(evaluation.info)
    placing = None if lacking is None else _placing(evaluation, lacking)
    return _whatever_is_free(evaluation, placing) or _by_view(ledger, evaluation, placing)


def remember(ledger: Ledger, evaluation: Evaluation, verdict: Verdict) -> None:
    """Keep the verdict on a pod that is reserved for, because its review may be repeated."""
    if verdict.reason is not Reason.FITS and not evaluation.request.dry_run:
        reservation = ledger.reservations.get(evaluation.info.name, evaluation.info.key)
        if reservation is not None:
            reservation.said = verdict


def said_before(ledger: Ledger, pod: PodInfo) -> Verdict | None:
    """Return the verdict that was given on a pod that is reserved for; None if it was a plain yes."""
    reservation = ledger.reservations.get(pod.name, pod.key)
    said = None if reservation is None else reservation.said
    return said if isinstance(said, Verdict) else None


def _beyond_credit(evaluation: Evaluation, verdict: Verdict, shortfall: Shortfall, now: float) -> Outcome:
    """Let a pod that is beyond its credit wait, or refuse it, or admit it by policy without a reservation.

    Policy admits an exempt pod, and a pod on trial that mode enforce would refuse for the sums however long it waited.
    """
    of_taken_name = shortfall.cause is Cause.TAKEN and bool(evaluation.request.dry_run)
    if evaluation.exempt is not None or (evaluation.on_trial and verdict.is_over):
        return Outcome(verdict, settled=True)
    if of_taken_name:  # a dry run holds nothing, and the API server knows which names are taken
        return Outcome(verdict, settled=True)
    awaits = awaiting(shortfall, evaluation.mode, now)
    if shortfall.cause is Cause.PAUSED:
        return Outcome(awaits, settled=True)
    return Outcome(verdict, settled=False, awaits=awaits)


def _whatever_is_free(evaluation: Evaluation, placing: Verdict | None) -> Verdict | None:
    """Return the verdict that does not depend on the sums; None if the sums decide.

    Quota admission runs after the webhooks. A pod that it refuses after a grant never comes, and would hold its room
    for the whole lapse. So nothing is reserved for such a pod, whether it is refused here or policy lets it pass on to
    the quota.
    """
    if evaluation.form.decision is Decision.DENY and evaluation.exempt is None:
        return evaluation.form
    if evaluation.quota:
        return verdict_of(evaluation, refuse_by_quota(evaluation.mode, evaluation.quota))
    return placing if placing is not None and placing.decision is Decision.DENY else None


def _both(placing: Verdict, judged: Verdict) -> Verdict:
    """Combine the verdict that no node can hold a pod with that of the sums; a sum that is exceeded comes first."""
    if judged.reason is Reason.FITS:
        return placing
    if judged.reason is Reason.NEAR_BOUND:
        return replace(placing, sums=judged.sums)
    return replace(judged, lacking=placing.lacking)


def _placing(evaluation: Evaluation, lacking: Lacking) -> Verdict | None:
    """Return the verdict on a pod because no node can hold it; None if there is nothing to say.

    A resize, which an unbound pod can have too, gets one only if it asks for more requests. What the pod leaves unsaid
    comes before a mere warning, because mode enforce may refuse the pod for it.
    """
    asked = evaluation.info.asked
    if evaluation.exempt is not None or not (asked.memory_requests or asked.cpu_requests):
        return None
    verdict = judge_placing(evaluation.mode, evaluation.unplaceable, lacking)
    if verdict.reason is Reason.FITS:
        return None
    if evaluation.form.decision is Decision.ALLOW or evaluation.unplaceable is Answer.DENY:
        return verdict
    return replace(evaluation.form, lacking=lacking)


def verdict_of(evaluation: Evaluation, judged: Verdict) -> Verdict:
    """Combine the verdict of the sums with the exemption and with the verdict on what the pod leaves unsaid.

    What the pod leaves unsaid comes before a bound that is only near, because mode enforce may refuse the pod for it.
    """
    if evaluation.exempt is not None or judged.decision is Decision.ALLOW:
        return _fitting(evaluation, judged.sums)
    if judged.reason is Reason.NEAR_BOUND and evaluation.form.decision is not Decision.ALLOW:
        return replace(evaluation.form, sums=judged.sums)
    return judged


def _fitting(evaluation: Evaluation, sums: tuple[Sum, ...] = ()) -> Verdict:
    """Return the verdict on a pod that the sums let in, or that is exempt; `sums` are near or past their bound."""
    if evaluation.exempt is None:
        return evaluation.form
    return Verdict(Decision.ALLOW, Reason.EXEMPT, evaluation.mode, sums, evaluation.exempt)


def refuse_beside_others(ledger: Ledger, allotment: Allotment, evaluation: Evaluation, now: float) -> Verdict:
    """Refuse a pod that fits the view, but not beside what other replicas hold after they handed back all they can.

    If only what a silent replica holds is in the way, the verdict is *cannot tell*: it says nothing about the cluster.
    """
    refused = _beside_others(ledger, allotment, evaluation, allotment.shared, now)
    if refused is None:  # room came free meanwhile, or a pod that pays for this name is about to go
        return verdict_of(evaluation, cannot_tell(evaluation.mode, "the account changed while this was decided"))
    return refused


def at_booking(ledger: Ledger, allotment: Allotment, evaluation: Evaluation, shared: Shared, now: float) -> Verdict:
    """Return the verdict on a pod that is about to be booked on top of a state, by the ledger as it is at the booking.

    Pods that waited together are judged here one after the other, no longer by the sums at the time of their reviews.
    """
    lacking = ledger.lacking(evaluation.info)
    verdict = _by_view(ledger, evaluation, None if lacking is None else _placing(evaluation, lacking))
    if not evaluation.on_trial or verdict.is_over or allotment.fits(evaluation.info, shared):
        return verdict
    return _beside_others(ledger, allotment, evaluation, shared, now) or verdict


def _beside_others(
    ledger: Ledger, allotment: Allotment, evaluation: Evaluation, shared: Shared | None, now: float
) -> Verdict | None:
    """Refuse a pod for what others hold, or return *cannot tell*; None if what others hold is not in its way."""
    silent = allotment.silent(now)
    if shared is not None and silent:
        living = {r: h for r, h in shared.holdings.items() if r not in silent}
        if allotment.fits(evaluation.info, Shared(shared.epoch, shared.open, holdings=living)):
            wait = max(0.0, max(silent.values()) - now)
            detail = f"room is held for a replica that stopped answering, and is free again in about {wait:.0f} s"
            return verdict_of(evaluation, cannot_tell(evaluation.mode, detail))
    pod = evaluation.info
    sums = (_with_others(s, allotment.held_by_others(s.scope, pod, shared)) for s in growth(ledger, pod))
    broken = tuple(s for s in sums if s.short_by > 0)
    return verdict_of(evaluation, named(ledger, pod, refuse(broken, evaluation.mode))) if broken else None


def _with_others(s: Sum, held: Amounts) -> Sum:
    figures = None if s.figures is None else replace(s.figures, committed=s.figures.committed.plus(held))
    return replace(s, granted=s.granted + held[s.index], figures=figures)
