"""Awaiting: the verdict on a pod for which there is room, but no credit (sharing/credit.py)."""

from msgspec.structs import replace

from webhook.core.config.types import Mode
from webhook.core.ledger.subjects import USER, is_namespace, namespace_of
from webhook.core.reviews.messages import printable
from webhook.core.reviews.verdict import Decision, Reason, Verdict, refusing
from webhook.core.sharing.credit import Cause, Shortfall
from webhook.core.values.amounts import Amounts
from webhook.core.values.quantity import bytes_text, millis_text
from webhook.core.values.scale import scales

_NAME = 63  # characters
_WHO_REFUSES = (
    "another admission webhook or a ResourceQuota may refuse them after Headroom has let them in, "
    "or their name was taken"
)


def awaiting(short: Shortfall, mode: Mode, now: float) -> Verdict:
    """Turn a shortfall into a verdict: a refusal, or *cannot tell* if it helps that the API server asks again."""
    may_ask_again = short.cause is Cause.EARLIER and mode is Mode.ENFORCE
    decision = Decision.CANNOT_TELL if may_ask_again else refusing(mode)
    return Verdict(decision, Reason.AWAITING, mode, detail=_SENTENCES[short.cause](short, now))


def final(verdict: Verdict) -> Verdict:
    """Return the verdict for when the API server has no time to ask again: a pod that awaits others is refused."""
    if verdict.reason is Reason.AWAITING and verdict.decision is Decision.CANNOT_TELL:
        return replace(verdict, decision=Decision.DENY)
    return verdict


def _earlier(short: Shortfall, now: float) -> str:
    pods = f"{short.pods} pods" if short.pods > 1 else "a pod"
    lapse, left = short.again_at - short.since, max(1.0, short.again_at - now)  # the view must be proven, too
    return (
        f"{pods} of {_whose(short.subject)} ({_amount(short)}) let in before {'have' if short.pods > 1 else 'has'} not "
        f"appeared yet, such as {printable(short.example, _NAME)}, let in {max(0.0, now - short.since):.0f} s ago; "
        f"{_WHO_REFUSES}. "
        f"It is let in once they appear, or are given up after {lapse:.0f} s, "
        f"{'the first of them ' if short.pods > 1 else ''}in {left:.0f} s"
    )


def _paused(short: Shortfall, now: float) -> str:
    return (
        f"pods of {_whose(short.subject)} that were let in before never appeared; {_WHO_REFUSES}: see their events. "
        f"Try again in {max(1.0, short.again_at - now):.0f} s, or ask for less"
    )


def _taken(short: Shortfall, _: float) -> str:
    resource, kind = Amounts._fields[short.index].split("_")[:2]
    asked, kept = millis_text(short.awaited), millis_text(short.most)
    if resource == "memory":
        unit = next(scales([short.awaited], [short.most]))
        asked, kept = unit.text(unit.up(short.awaited)), unit.text(unit.down(short.most))
    return (
        "a pod of this name exists already; delete it first or choose another name. "
        f"This one asks {asked} of {resource} {kind} more than that one has, of which {kept} would be kept for a name "
        "that is taken"
    )


_SENTENCES = {Cause.EARLIER: _earlier, Cause.PAUSED: _paused, Cause.TAKEN: _taken}


def _whose(subject: str) -> str:
    namespace, _, owner = subject.partition("/")
    if is_namespace(subject):
        return f"namespace {namespace}"
    if owner.startswith(USER):
        return f"user {printable(owner.removeprefix(USER), _NAME)} in namespace {namespace_of(subject)}"
    return f"the same owner in namespace {namespace}"


def _amount(short: Shortfall) -> str:
    resource, kind = Amounts._fields[short.index].split("_")[:2]
    amount = bytes_text(short.awaited) if resource == "memory" else millis_text(short.awaited)
    return f"{amount} of {resource} {kind}"
