"""Climates: which faults a run combines. Most runs leave out most faults, so that each can have its full effect."""

from typing import NamedTuple


class Climate(NamedTuple):
    """A fault profile; all fields from `torn` on are chances per step."""

    name: str
    replicas: tuple[int, ...] = (2, 3)
    steps: int = 200
    pace: float = 1.0  # how fast time passes
    late: float = 1.0  # how soon creates are committed: a lower value means later
    greedy: bool = False  # replicas book everything that is free, not only a part of it
    torn: float = 0.0  # a replica takes some of its smallest steps, in any order, instead of a turn
    skip: float = 0.0  # a replica leaves out a part of its turn: a write, an answer or an event is late
    trickle: float = 0.0  # a watch delivers only one event in a turn
    lag: float = 0.0  # a pod watch stalls; with the same chance it goes on
    cut: float = 0.0  # a replica's watches or writes fail; with the same chance they work again
    leap: float = 0.0  # much time passes
    crash: float = 0.0
    leave: float = 0.0
    pause: float = 0.0
    loss: float = 0.0  # writes and answers are lost
    object: float = 0.0  # the shared object is deleted or edited, or an old copy of it is restored
    restore: float = 0.0  # etcd is restored to a state some revisions ago
    nodes: float = 0.0
    forced: float = 0.0
    resize: float = 0.0
    confine: float = 0.0  # an unbound pod that may go anywhere is confined to the pool
    repeat: float = 0.0  # pods are created under a name that lives, one for each replica to be asked about
    again: float = 0.02  # a review is sent again
    end: float = 0.01  # a create fails
    elsewhere: float = 0.0  # another webhook refuses admitted pods of one namespace; above 0, credit is limited


CLIMATES = (
    Climate("fair", skip=0.05),
    Climate("greedy", greedy=True, skip=0.3, cut=0.06),
    Climate("slow", greedy=True, skip=0.3, cut=0.1, again=0.3),
    Climate("lossy", greedy=True, skip=0.3, torn=0.1, cut=0.05, loss=0.6, again=0.2),
    Climate("trickling", greedy=True, skip=0.1, trickle=0.8, torn=0.1),
    Climate("lagging", skip=0.2, lag=0.08),
    Climate("stalled", greedy=True, replicas=(1, 1, 2), skip=0.2, trickle=0.7, lag=0.03, leap=0.1, end=0.05, late=0.4),
    Climate("deadly", greedy=True, replicas=(2, 3, 3), skip=0.1, lag=0.05, leap=0.08, crash=0.04, late=0.4),
    Climate("frozen", greedy=True, skip=0.2, torn=0.2, cut=0.05, leap=0.04, pause=0.06, late=0.4),
    Climate("lost", greedy=True, replicas=(2, 3, 3), skip=0.1, lag=0.06, leap=0.1, crash=0.01, object=0.02, late=0.4),
    Climate("put back", greedy=True, skip=0.1, lag=0.02, cut=0.02, leap=0.05, restore=0.02, late=0.6),
    Climate(
        "put back and resized", greedy=True, replicas=(2, 3, 3), skip=0.2, torn=0.1, trickle=0.2, leap=0.05, loss=0.05,
        restore=0.02, late=0.4, resize=0.3, repeat=0.1,
    ),
    Climate("new", greedy=True, steps=60, pace=0.3, skip=0.2, object=0.05, late=0.2),
    Climate("leaving", greedy=True, skip=0.3, leap=0.02, leave=0.05, lag=0.03, late=0.4),
    Climate("lenient", skip=0.3, forced=0.2, nodes=0.05, loss=0.1),
    Climate("growing", greedy=True, skip=0.3, resize=0.5, again=0.2, loss=0.05, late=0.6),
    Climate("growing unseen", greedy=True, replicas=(1, 2, 2), trickle=0.5, lag=0.1, leap=0.02, resize=0.9),
    Climate("repeated", greedy=True, replicas=(2, 3, 3), skip=0.2, lag=0.03, late=0.4, repeat=0.6),
    Climate(
        "repeated and resized", greedy=True, replicas=(2, 3, 3), skip=0.2, torn=0.1, lag=0.05, loss=0.05, crash=0.01,
        leap=0.01, late=0.6, repeat=0.3, resize=0.6,
    ),
    Climate("torn", greedy=True, replicas=(1, 2, 3), torn=1.0, steps=400, leap=0.02),
    Climate(
        "all at once", replicas=(1, 2, 3), torn=0.2, skip=0.2, trickle=0.2, lag=0.03, cut=0.03, leap=0.03, crash=0.02,
        leave=0.01, pause=0.02, loss=0.1, object=0.005, nodes=0.01, forced=0.03, resize=0.1, again=0.1, end=0.03,
    ),
)  # fmt: skip

CONFINING = (
    Climate("confining", greedy=True, skip=0.3, confine=0.6, again=0.2, loss=0.05, late=0.6),
    Climate(
        "confining unseen", greedy=True, replicas=(1, 2, 2), trickle=0.5, lag=0.1, leap=0.02, confine=0.9, late=0.6,
    ),
    Climate(
        "confining and all", replicas=(2, 3, 3), torn=0.2, skip=0.2, lag=0.05, cut=0.03, leap=0.02, crash=0.02,
        pause=0.01, loss=0.1, resize=0.2, repeat=0.2, confine=0.6, again=0.1, end=0.03, late=0.6,
    ),
    Climate(
        "confining, refused elsewhere", skip=0.2, lag=0.03, leap=0.05, confine=0.6, again=0.1, late=0.6, elsewhere=0.5,
    ),
)  # fmt: skip
"""Climates where pods are confined later, in a list of their own: seeds pick from the others by how many there are."""


# Climates with limited credit, where pods are refused elsewhere. In all others credit is unlimited, so that faults meet
# as many grants as possible.
ON_CREDIT = (
    Climate("refused elsewhere", skip=0.2, lag=0.03, leap=0.1, late=0.5, forced=0.1, elsewhere=0.9),
    Climate(
        "refused elsewhere, repeated and resized", greedy=True, skip=0.2, trickle=0.3, lag=0.05, leap=0.05, late=0.4,
        resize=0.3, repeat=0.3, elsewhere=0.9,
    ),
)  # fmt: skip
WITH_CREDIT = 1_000_000  # the first seed of the climates with limited credit


class Tide(NamedTuple):
    """What users and controllers do for a while: chances, which apply three times in each step."""

    create: float
    commit: float
    delete: float
    change: float


TIDES = (
    Tide(create=0.9, commit=0.9, delete=0.0, change=0.1),
    Tide(create=0.9, commit=0.15, delete=0.1, change=0.1),
    Tide(create=0.5, commit=0.8, delete=0.5, change=0.3),
    Tide(create=0.1, commit=0.5, delete=0.9, change=0.0),
    Tide(create=0.1, commit=0.1, delete=0.0, change=0.1),
)
