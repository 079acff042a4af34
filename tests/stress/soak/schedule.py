"""Which fault comes when: a schedule that a seed decides. Pure: values in, values out.

Two lanes run beside each other: *faults* break something and mend it again, one at a time, and *changes* are what
happens in a healthy cluster. Each lane deals from a shuffled deck, so that nothing comes twice before all else came.
"""

import random
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar


class Fault(StrEnum):
    """What breaks; the value is its name in the table."""

    KILL = "replica killed (-9)"
    STOP = "replica stopped (SIGTERM)"
    PAUSE = "replica paused (SIGSTOP)"
    API_SERVER = "API server killed and restarted"
    ETCD = "etcd killed and restarted"
    DISK = "disk of the audit file full"
    STDOUT = "output not read"
    STUCK = "replica stopped while its output is not read"
    TEAR = "watches cut in the middle of a line"
    BUSY = "API server answers 429"
    CUT = "connections to the API server reset"
    NETWORK = "network to the API server lost"
    LAG = "watch of pods late"


class Change(StrEnum):
    """What happens while nothing is broken; the value is its name in the table."""

    STORM = "storm of creates"
    RESIZE = "resizes"
    CONFIGURE = "configuration edited"
    NODE = "node lost and back"
    ROTATE = "certificate rotated"
    CLEAR = "all pods deleted"


class Event(NamedTuple):
    """One event: seconds to wait before it, the seconds that it lasts, and the replica that it is about (from 0)."""

    pause: float
    what: Fault | Change
    seconds: float
    replica: int


class Scale(NamedTuple):
    """How long pauses and events are, in seconds from the shortest to the longest."""

    pause: tuple[float, float]
    lasting: tuple[float, float]


Kind = TypeVar("Kind", Fault, Change)


def schedule(kinds: Sequence[Kind], seed: int, scale: Scale, replicas: int) -> Iterator[Event]:
    """Deal events for ever; the same arguments give the same events.

    What is dealt a second time is about another replica than the first time: each is spared now and then.
    """
    chance = random.Random(seed)
    deck = 0
    while True:
        dealt = list(kinds)
        chance.shuffle(dealt)
        for what in dealt:
            yield Event(
                round(chance.uniform(*scale.pause), 1),
                what,
                round(chance.uniform(*scale.lasting), 1),
                (list(kinds).index(what) + deck) % replicas,
            )
        deck += 1
