"""Authority, certificate and path are exchanged under a storm in which each call does a handshake of its own."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from certs.bundle import Bundle
from devcluster.processes import until
from tests.e2e.headroom import GATE
from tests.stress.clients import CREATED, Tally, dry_runs
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.scene import BOUND, Scene
from tests.stress.self_certified import is_rotated, is_seen_in, self_certified
from tests.stress.witness import Witness
from webhook.controllers.gate import entries

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]  # on a machine that is busy

CLIENTS = 4
MANY = 7_000  # admissions of a storm at full length
SOME = 100
FRESH = "--fresh"  # a handshake for each call
REQUEST = "authority publish=3 retire=3"
SLOWLY = "authority publish=10 retire=10"


def storm(place: Scene, tally: Tally) -> AbstractContextManager[None]:
    """Have some clients create pods as fast as they are answered, as a dry run."""
    return dry_runs(place.server, place.namespace, tally, CLIENTS)


def trusted_and_sent(place: Scene) -> set[tuple[Bundle, str | None]]:
    return {(each.trusted, each.token) for each in entries(place.plane.api.get(GATE))}


def enough(tally: Tally, count: int) -> None:
    until(lambda: tally.outcomes().total() >= count, f"{count} answers", 600)


def test_a_whole_rotation_fails_no_admission(bare: Scene, work: Path, figures: Record, full: bool) -> None:
    tally, rotations = Tally(), 0
    with self_certified(bare, work, FRESH) as replicas, Witness(bare.server) as witness:
        first = replicas.keyring()
        with storm(bare, tally):
            enough(tally, SOME)
            while rotations == 0 or (full and tally.outcomes().total() < MANY):
                replicas.ask(REQUEST)
                is_rotated(replicas)
                rotations += 1
            enough(tally, tally.outcomes().total() + SOME)
        last = replicas.keyring()
        until(lambda: trusted_and_sent(bare) == {(last.trusted, last.path)}, "the old authority's end in the gate", 60)
        seen = witness.testify()
    assert last.authority.certificate not in first.trusted
    assert (last.path, last.serving.certificate) != (first.path, first.serving.certificate)
    for replica in replicas:
        assert not [token for token in (first.path, last.path) if token in replica.log.read_text()]
    total = tally.outcomes().total()
    figures.append(Figures("rotation", "2", BOUND, seen, tally, f"{rotations} rotations, {total} admissions"))
    assert tally.outcomes() == {CREATED: total}


def test_exchanging_at_once_fails_admissions(bare: Scene, work: Path) -> None:
    """That a storm would see it."""
    tally = Tally()
    with self_certified(bare, work, FRESH, "--fault=exchange-at-once") as replicas, storm(bare, tally):
        enough(tally, SOME)

        def is_seen() -> bool:
            if not replicas.asked():
                replicas.ask(REQUEST)
            return any(of_the_rotation(each.text) for each in tally)

        until(is_seen, "an admission that fails by the certificate or the path", 120)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a wait of up to 15 s for the Lease in each step, and more on a machine that is busy
def test_whoever_rotates_is_killed_at_each_step_and_another_goes_on(bare: Scene, work: Path, figures: Record) -> None:
    """Calls on their way to a replica that is killed fail; none fails by a certificate or a path."""
    tally = Tally()
    with self_certified(bare, work, FRESH) as replicas, Witness(bare.server) as witness, storm(bare, tally):
        for step in ("publish", "sign", "retire"):
            is_seen_in(replicas, step, SLOWLY)
            until(lambda: replicas.holder() is not None, "a holder of the Lease", 60)
            holder = replicas.holder()
            assert holder is not None
            holder.program.kill()
            holder.start()
            holder.wait()
            is_rotated(replicas)
        enough(tally, tally.outcomes().total() + SOME)
        seen = witness.testify()
    total = tally.outcomes().total()
    figures.append(Figures("rotation, holder killed", "2", BOUND, seen, tally, f"{total} admissions"))
    assert [each.text for each in tally if of_the_rotation(each.text)] == []


def of_the_rotation(text: str) -> bool:
    """Say whether a call failed by the certificate or by the path."""
    return any(sign in text for sign in ("x509", "tls:", "no such path", "could not find the requested resource"))
