"""What is to be true after a fault: nothing was over, somebody went on answering, all of the bound is used again."""

from tests.storm.clients import CREATED, REFUSED, Tally
from tests.storm.scene import BOUND, Times
from tests.storm.witness import Evidence

PROOF_SECONDS = 10.0  # a proof takes up to three seconds, and one is asked for every five; the rest is a busy machine's


def full_again(seen: Evidence, since: float) -> float | None:
    """Seconds from a moment until the whole bound was held; None if it never was."""
    return next((moment.at - since for moment in seen.moments if moment.at >= since and moment.held == BOUND), None)


def longest_silence(tally: Tally, since: float, until: float) -> float:
    """The most seconds between two moments in which no client was let in or refused for the want of room."""
    answers = sorted(told.at for told in tally if told.outcome in {CREATED, REFUSED} and since <= told.at < until)
    return max(b - a for a, b in zip([since, *answers], [*answers, until], strict=True))


def documented(times: Times) -> float:
    """Seconds after which the share of a dead replica can be granted again: validity, lapse and a proof."""
    return times.validity + times.lapse + PROOF_SECONDS
