"""What a pod is told for which there is room, but no credit: who may be at fault, and when the room comes back."""

import pytest
from msgspec.structs import replace

from webhook.core.config.types import Mode
from webhook.core.reviews.awaiting import awaiting
from webhook.core.reviews.messages import refusal
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.sharing.credit import Cause, Shortfall

GI = 1 << 30
ONE = Shortfall(Cause.EARLIER, "shop/web", 0, 7 * GI, 1, "shop/first", since=100.0, again_at=145.0)
TOLD = (
    "pod shop/web is not let in now (AwaitingEarlierPods): a pod of the same owner in namespace shop (7Gi of memory "
    "requests) let in before has not appeared yet, such as shop/first, let in 41 s ago; another admission webhook or a "
    "ResourceQuota may refuse them after Headroom has let them in, or their name was taken. It is let in once they "
    "appear, or are given up after 45 s, in 4 s"
)


@pytest.mark.parametrize(
    ("short", "now", "told"),
    [
        (ONE, 141.0, TOLD),
        (ONE, 150.0, TOLD.replace("41 s ago", "50 s ago").replace("in 4 s", "in 1 s")),
        (
            replace(ONE, pods=3),
            141.0,
            TOLD.replace("a pod of", "3 pods of")
            .replace("has not", "have not")
            .replace("in 4 s", "the first of them in 4 s"),
        ),
    ],
)
def test_who_waits_for_earlier_pods_is_told_why_they_may_not_come_and_when_their_room_is_free(
    short: Shortfall, now: float, told: str
) -> None:
    verdict = awaiting(short, Mode.ENFORCE, now)
    assert (verdict.decision, verdict.reason) == (Decision.CANNOT_TELL, Reason.AWAITING)
    assert refusal(verdict, "pod shop/web") == told
