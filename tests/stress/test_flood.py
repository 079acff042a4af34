"""Peers that idle, and peers that never finish their bodies, at every replica: no create fails, and memory suffices."""

import itertools
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import urllib3

from benchmarks.usage import peak_bytes
from devcluster.replica import Replica
from tests.stress.clients import CREATED, Client, Tally, crowd, pod
from tests.stress.conftest import Record
from tests.stress.figures import MI, Figures
from tests.stress.flood import Flood
from tests.stress.scene import BOUND, Scene
from tests.stress.witness import Witness
from tests.support.crowds import FULL, SHORT, memory_limit

pytestmark = pytest.mark.live

CREATES = 208
CLIENTS = 16


def test_no_create_fails_beside_peers_that_idle_or_never_come_to_an_end(
    bare: Scene, work: Path, figures: Record, full: bool
) -> None:
    tally, names = Tally(), itertools.count()
    idle, slow = FULL if full else SHORT

    def create(client: Client, _: int) -> None:
        for _ in range(CREATES // CLIENTS):
            client.create(pod(f"beside-{next(names)}", MI))

    with bare.guarded(work, 2) as replicas, Witness(bare.server) as witness, ExitStack() as stack:
        floods = [stack.enter_context(Flood(each.port, idle, slow)) for each in replicas]
        with crowd(bare.server, bare.namespace, tally, CLIENTS) as run:
            run(create)  # while they come
            for flood in floods:
                flood.await_all()
            run(create)  # when they are there
            assert [is_ready(each) for each in replicas] == [True, True]
        cut_off = sum((flood.end() for flood in floods), start=Counter[str]())
        peaks = [peak_bytes(each.program.pid) for each in replicas]
        seen = witness.testify()
    note = f"{idle} idle and {slow} slow peers each; peak {max(peaks) / MI:.0f} MiB; {dict(cut_off)}"
    figures.append(Figures("flood", "2", BOUND, seen, tally, note))
    assert tally[CREATED] == 2 * (CREATES // CLIENTS) * CLIENTS, str(tally)
    assert max(peaks) < memory_limit()


def is_ready(replica: Replica) -> bool:
    """Whether the plain listener says so; a kubelet believes it of the third probe that it takes too long."""
    for _ in range(3):
        with suppress(urllib3.exceptions.TimeoutError):
            return urllib3.request("GET", f"{replica.metrics_url}/readyz", retries=False, timeout=2.0).status == 200
    return False
