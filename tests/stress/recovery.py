"""What is to be true after a fault: nothing was over, somebody went on answering, all of the bound is used again."""

import time

from tests.stress.churn import Churn
from tests.stress.clients import CREATED, REFUSED, Tally
from tests.stress.scene import BOUND, Times
from tests.stress.witness import Witness

PROOF_SECONDS = 10.0  # a proof takes up to three seconds, and one is asked for every five; the rest is a busy machine's
AFTER_SECONDS = 3.0  # of churn when all is well again, for whatever still comes


def full_again(witness: Witness, churn: Churn, since: float, seconds: float) -> float:
    """Wait until the whole bound has been held after a moment; say how long that took, or infinity if it never was.

    In the second half of that time nobody deletes: beside many deletions it is by chance, and on a busy machine seldom,
    that all of the bound is held at one moment.
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
    """The most seconds between two moments in which no client was let in or refused for the want of room."""
    answers = sorted(told.at for told in tally if told.outcome in {CREATED, REFUSED} and since <= told.at < until)
    return max(b - a for a, b in zip([since, *answers], [*answers, until], strict=True))


def documented(times: Times) -> float:
    """Seconds after which the share of a dead replica can be granted again: validity, lapse and a proof."""
    return times.validity + times.lapse + PROOF_SECONDS
