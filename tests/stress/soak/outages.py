"""Why calls failed: which answers may be missing while something is down, and which are lost. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from tests.stress.clients import CANNOT_TELL, CONFLICT, CREATED, DELETED, EXISTS, GONE, REFUSED, TOO_LATE, WEBHOOK, Told

RESIZED = "resized"
ANSWERED = {CREATED, RESIZED, REFUSED, DELETED, EXISTS, GONE, CONFLICT, CANNOT_TELL, TOO_LATE}
BROKEN = ("EOF", "connection reset", "connection refused", "broken pipe", "closed network connection")
GIVEN_UP = "failed 504"  # what a request is answered for which the API server had no time left
UNHEARD = ("context deadline exceeded", "Client.Timeout", "handshake timeout")


class Down(StrEnum):
    """What was down."""

    API_SERVER = "API server or etcd down"
    KILLED = "on their way to a killed replica"
    PAUSED = "sent to a paused replica"
    STILL = "while the machine stood still"
    OVERTAXED = "given up by the API server itself"


LOST = "lost"


class Outage(NamedTuple):
    """From when to when answers may be missing, in seconds of a monotonic clock."""

    down: Down
    began: float
    ended: float


def cause(told: Told, outages: Iterable[Outage]) -> str:
    """Return why a call failed: what was down, or `LOST` if nothing explains it."""
    during = {outage.down for outage in outages if outage.began <= told.at and told.at - told.took <= outage.ended}
    if Down.API_SERVER in during:
        return Down.API_SERVER
    if told.outcome == GIVEN_UP and WEBHOOK not in told.text:
        return Down.OVERTAXED
    if WEBHOOK in told.text:
        if Down.KILLED in during and any(sign in told.text for sign in BROKEN):
            return Down.KILLED
        if any(sign in told.text for sign in UNHEARD):
            return next((down for down in (Down.PAUSED, Down.STILL) if down in during), LOST)
    return LOST


def causes(failed: Iterable[Told], outages: Sequence[Outage]) -> Counter[str]:
    """Count the calls that failed by cause."""
    return Counter(cause(told, outages) for told in failed)
