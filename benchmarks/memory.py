"""`python -m benchmarks.memory [PODS NODES]`: what takes the memory of one replica, one thing after the other.

At the end all is there at once: the account, as many connections as are granted, bodies up to their bound, reviews, and
a page of metrics. The figures are the process's resident memory, in MiB.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from benchmarks import alone, rivals
from benchmarks.feed import Feed
from benchmarks.rivals import Headroom
from benchmarks.usage import peak_bytes, resident_bytes
from tests.stress.flood import Flood
from tests.support.crowds import FULL, memory_limit

MI = 1 << 20
CALM_SECONDS = 12.0  # longer than the server waits for a body
SETTLE_SECONDS = 2.0
CLIENTS = 16
REVIEW_SECONDS = 5.0
START_SECONDS = 180.0  # a time-out, for a busy machine


def main() -> None:
    """Measure, and print each line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pods", type=int, nargs="?", default=150_000)
    parser.add_argument("nodes", type=int, nargs="?", default=5_000)
    asked = parser.parse_args()
    idle, slow = FULL
    rivals.START_SECONDS = START_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        with _watched(Path(folder) / "empty", 0, 1) as (_, replica):
            _say("an empty process", replica)
        with _watched(Path(folder) / "full", asked.pods, asked.nodes) as (feed, replica):
            _say(f"with {asked.pods:,} pods on {asked.nodes:,} nodes", replica)
            _ask_for_metrics(replica)
            _say("after a page of metrics", replica)
            _under(Flood(replica.replicas[0].port, idle, 0), f"{idle:,} peers that idle", feed, replica)
            _under(Flood(replica.replicas[0].port, 0, slow), f"{slow:,} bodies that never end", feed, replica)
            _under(Flood(replica.replicas[0].port, idle, slow), "both", feed, replica)
            time.sleep(CALM_SECONDS)
            _say("when they have gone", replica)
            print(f"{'at the peak of all':45} {peak_bytes(replica.pids[0]) / MI:6.0f} MiB")
    print(f"{'limit in the manifest':45} {memory_limit() / MI:6.0f} MiB")


@contextmanager
def _watched(work: Path, pods: int, nodes: int) -> Iterator[tuple[Feed, Headroom]]:
    with Feed(work, pods, nodes) as feed, feed.headroom() as replica:
        replica.resume()  # waits until the replica has nothing left to do
        yield feed, replica


def _under(flood: Flood, what: str, feed: Feed, replica: Headroom) -> None:
    with flood:
        flood.await_all()
        seen = alone.replay(replica, feed.files, CLIENTS, f"{time.monotonic()}-", tell=feed.url, seconds=REVIEW_SECONDS)
        _ask_for_metrics(replica)
        failed = seen.figures("allowed")["failures"]
        _say(f"beside {what}", replica, f"{seen.answers} reviews, {failed:g} failed; {dict(flood.end())}")
    time.sleep(SETTLE_SECONDS)


def _ask_for_metrics(replica: Headroom) -> None:
    answer = urllib3.request("GET", f"{replica.replicas[0].metrics_url}/metrics", retries=False)
    print(f"{'(the page of metrics)':45} {len(answer.data) / MI:6.1f} MiB, {answer.status}")


def _say(what: str, replica: Headroom, note: str = "") -> None:
    now, peak = (usage(replica.pids[0]) / MI for usage in (resident_bytes, peak_bytes))
    print(f"{what:45} {now:6.0f} MiB, peak so far {peak:.0f}  {note}", flush=True)


if __name__ == "__main__":
    main()
