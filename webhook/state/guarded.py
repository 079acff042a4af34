"""What the one lock of the state guards. Only this room knows it; all else uses the verbs of `ClusterState`."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from webhook.core.ledger.ledger import Ledger
from webhook.core.reviews.basis import Basis
from webhook.core.sharing.allotment import Allotment
from webhook.state.readiness import Readiness
from webhook.state.wakeup import Wakeup


@dataclass(slots=True, eq=False)
class Guarded:
    """The parts that a thread reads and changes only while it holds `lock`, which it holds as briefly as possible.

    `basis` is replaced under the lock, and may be read without it: it is one value that never changes. `clock` and
    `readiness.problem` need no lock.
    """

    clock: Callable[[], float]
    lock: RLock
    ledger: Ledger
    allotment: Allotment
    readiness: Readiness
    wakeup: Wakeup
    basis: Basis
