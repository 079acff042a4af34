"""Many clients fill the cluster at once: as many pods get in as fit, not one more and not one fewer."""

import itertools
from contextlib import closing
from pathlib import Path

import pytest

from tests.storm.clients import CREATED, REFUSED, Client, Tally, crowd, pod
from tests.storm.conftest import Record
from tests.storm.figures import MI, Figures
from tests.storm.scene import BOUND, Scene
from tests.storm.witness import Witness

pytestmark = pytest.mark.live

SIZE = 61 * MI  # so that the last pod leaves a little, which belongs to somebody as well
FIT, REST = divmod(BOUND, SIZE)
CLIENTS = (1, 16, 64)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_fill_ends_at_exactly_what_fits(bare: Scene, work: Path, figures: Record, count: int) -> None:
    with bare.guarded(work, count), Witness(bare.server) as witness:
        for clients in CLIENTS:
            since, tally = witness.since_now(), Tally()
            fill(bare, tally, clients)
            seen = witness.testify(since)
            figures.append(Figures(f"fill, {clients} clients", str(count), BOUND, seen, tally))
            assert tally[CREATED] == FIT, str(tally)
            assert not tally.unusual()
            assert (seen.moments[-1].held, seen.over(BOUND)) == (FIT * SIZE, [])
            with closing(Client(bare.server, bare.namespace, tally)) as client:
                assert client.create(pod("too-big", REST + MI)) == REFUSED
                assert client.create(pod("the-rest", REST)) == CREATED
                assert client.create(pod("a-bit-more", MI)) == REFUSED
            assert witness.testify(since).maximum.held == BOUND
            bare.clear()


def fill(scene: Scene, tally: Tally, clients: int) -> None:
    """Let clients create until each has been refused thrice."""
    numbers = itertools.count()

    def work(client: Client, _: int) -> None:
        refused = 0
        while refused < 3:
            refused += client.create(pod(f"fill-{next(numbers)}", SIZE)) == REFUSED

    with crowd(scene.server, scene.namespace, tally, clients) as run:
        run(work)
