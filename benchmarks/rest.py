"""Rest: a control plane that has done with what went before, so that the next turn is not charged with it."""

import time
from collections.abc import Iterable

from benchmarks.usage import cpu_seconds

# Of a processor. With nothing to do all components together use 0.02 to 0.05, a third of it for etcd's heartbeats.
AT_REST = 0.1
LOOK_SECONDS = 0.05
SETTLE_SECONDS = 5.0


def comes_to_rest(leaders: Iterable[int]) -> bool:
    """Wait for it, and say whether it came; it is seen twice in a row, since controllers wait between steps."""
    pids, still = list(leaders), 0
    deadline = time.monotonic() + SETTLE_SECONDS
    while still < 2:
        if time.monotonic() > deadline:
            return False
        before, began = cpu_seconds(pids), time.monotonic()
        time.sleep(LOOK_SECONDS)
        share = (cpu_seconds(pids) - before) / (time.monotonic() - began)
        still = still + 1 if share < AT_REST else 0
    return True
