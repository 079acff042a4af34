"""Checks of a recovery after a fault: how long no client was answered, and when the whole bound is used again."""

import time

from tests.stress.churn import Churn
from tests.stress.clients import CREATED, REFUSED, Tally
from tests.stress.scene import BOUND, SHIPPED, Times
from tests.stress.witness import Witness

PROOF_SECONDS = 10.0  # a proof takes up to 3 s and is requested every 5 s; the rest is for a busy machine
BUSY_SECONDS = 20.0  # in which a busy machine must have got as far as an idle one gets in none
# A share that is not handed back comes back after validity and lapse, a minute. This is half of it.
BACK_SECONDS = (SHIPPED.validity + SHIPPED.lapse) / 2
AFTER_SECONDS = 3.0  # of churn after the recovery, for late effects


def full_again(witness: Witness, churn: Churn, since: float, seconds: float) -> float:
    """Wait until pods hold the whole bound after a moment; return how long that took, or infinity if they never do.

    In the second half of that time, no client deletes pods. With many deletions, pods hold the whole bound at one
    moment only by chance, and rarely on a busy machine.
    """
    try:
        while witness.most(since) < BOUND:
            passed = time.monotonic() - since
            if passed > seconds:
                return float("inf")
            churn.deletes = passed < seconds / 2
            time.sleep(0.05)
        return time.monotonic() - since
    finally:
        churn.deletes = True


def longest_silence(tally: Tally, since: float, until: float) -> float:
    """Return the longest time in seconds in which no pod was created, and none was refused for lack of room."""
    answers = sorted(told.at for told in tally if told.outcome in {CREATED, REFUSED} and since <= told.at < until)
    return max(b - a for a, b in zip([since, *answers], [*answers, until], strict=True))


def documented(times: Times) -> float:
    """Return after how many seconds a dead replica's allotment can be granted again: validity, lapse and a proof."""
    return times.validity + times.lapse + PROOF_SECONDS


def patience(times: Times) -> float:
    """Return how many seconds a storm waits for that: until clients have used it again, on a busy machine."""
    return documented(times) + BUSY_SECONDS
