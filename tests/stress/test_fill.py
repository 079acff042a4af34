"""Many clients fill the cluster at once: as many pods get in as fit, not one more and not one fewer."""

import itertools
import time
from contextlib import closing
from pathlib import Path

import pytest

from devcluster.replicas import Replicas
from tests.stress.clients import CREATED, REFUSED, Client, Tally, crowd, pod
from tests.stress.conftest import Record
from tests.stress.figures import MI, Figures
from tests.stress.pulse import Pulse
from tests.stress.scene import BOUND, POD, PODS, WRITES, Scene, settle, shown
from tests.stress.witness import Witness

pytestmark = pytest.mark.live

SIZE = 61 * MI  # so that the last pod leaves a little, which belongs to somebody as well
FIT, REST = divmod(BOUND, SIZE)
CLIENTS = (1, 16, 64)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_fill_ends_at_exactly_what_fits(bare: Scene, work: Path, figures: Record, count: int) -> None:
    with bare.guarded(work, count) as replicas, Witness(bare.server) as witness:
        for clients in CLIENTS:
            since, tally, written = witness.since_now(), Tally(), bookings(replicas)
            with Pulse(bare.plane.api, bare.namespace) as pulse:
                fill(bare, tally, clients)
            note = f"{bookings(replicas) - written} bookings, {pulse}"
            seen = witness.testify(since)
            figures.append(Figures(f"fill, {clients} clients", str(count), BOUND, seen, tally, note))
            assert tally[CREATED] == FIT, str(tally)
            assert not tally.unusual(slow=pulse.slow)
            assert (seen.moments[-1].held, seen.over(BOUND)) == (FIT * SIZE, [])
            with closing(Client(bare.server, bare.namespace, Tally())) as client:
                assert client.insist(pod("too-big", REST + MI)) == REFUSED
                assert client.insist(pod("the-rest", REST)) == CREATED
                assert client.insist(pod("a-bit-more", MI)) == REFUSED
            assert witness.testify(since).maximum.held == BOUND
            bare.clear()
            settle(replicas, 0)  # a client ends once it is refused thrice, by replicas that have seen the room


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_the_last_byte_is_granted_by_whichever_replica_is_asked(
    bare: Scene, work: Path, figures: Record, count: int
) -> None:
    tally, waits = Tally(), []
    with (
        bare.guarded(work, count) as replicas,
        Witness(bare.server) as witness,
        closing(Client(bare.server, bare.namespace, tally)) as client,
    ):
        for number in range(PODS - 1):
            assert client.insist(pod(f"fill-{number}", POD)) == CREATED
        for replica in replicas:
            bare.ask_only(replica)
            began = time.monotonic()
            assert client.insist(pod("last", POD)) == CREATED
            waits.append(time.monotonic() - began)
            assert client.insist(pod("more", MI)) == REFUSED
            client.delete("last")
        seen = witness.testify()
    note = f"waited {min(waits) * 1000:.0f} to {max(waits) * 1000:.0f} ms"
    figures.append(Figures("the last byte, each asked", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert not tally.unusual()


def bookings(replicas: Replicas) -> int:
    """How often the shared object was written."""
    return sum(shown(replica, WRITES) for replica in replicas)


def fill(scene: Scene, tally: Tally, clients: int) -> None:
    """Let clients create until each has been refused thrice."""
    numbers = itertools.count()

    def work(client: Client, _: int) -> None:
        refused = 0
        while refused < 3:
            refused += client.create(pod(f"fill-{next(numbers)}", SIZE)) == REFUSED

    with crowd(scene.server, scene.namespace, tally, clients) as run:
        run(work)
