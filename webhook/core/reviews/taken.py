"""Taken names: what a refusal for the sums says if a pod of the same name lives and pays for a part of the new one."""

from msgspec.structs import replace

from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import UNBORN
from webhook.core.ledger.ledger import Ledger
from webhook.core.reviews.verdict import Verdict


def named(ledger: Ledger, pod: PodInfo, judged: Verdict) -> Verdict:
    """Return the verdict with a note that the name is taken; the note explains why less is added than the pod asks."""
    broken = [s for s in judged.sums if s.short_by > 0]
    if not broken or pod.before != UNBORN or not ledger.is_taken(pod.name):
        return judged
    first = broken[0]
    already = ", and what it has is counted already" if pod.asked[first.index] > first.asked else ""
    return replace(judged, detail=f"a pod of that name exists{already}")
