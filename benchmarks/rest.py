"""Rest: waits until a control plane has finished earlier work, so that the next turn does not pay for it."""

import time
from collections.abc import Iterable

from benchmarks.usage import cpu_seconds

# The share of a processor. Idle, all components together use 0.02 to 0.05, a third of it for etcd's heartbeats.
AT_REST = 0.1
LOOK_SECONDS = 0.05
SETTLE_SECONDS = 5.0


def comes_to_rest(leaders: Iterable[int]) -> bool:
    """Wait for rest, and say whether it came: it must be seen twice in a row, as controllers pause between steps."""
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
