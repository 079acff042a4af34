"""Authority, certificate and path are exchanged under a storm in which each call does a handshake of its own."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from certs.bundle import Bundle
from devcluster.processes import until
from devcluster.replica import Replica
from tests.e2e.headroom import GATE
from tests.stress.clients import CREATED, Tally, Told, dry_runs
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.scene import BOUND, Scene
from tests.stress.self_certified import SelfCertified, is_rotated, is_seen_in, self_certified
from tests.stress.soak.outages import BROKEN
from tests.stress.witness import Witness
from webhook.controllers.gate import entries

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]  # on a machine that is busy

CLIENTS = 4
MANY = 7_000  # admissions of a storm at full length
SOME = 100
FRESH = "--fresh"  # a handshake for each call
REQUEST = "authority publish=3 retire=3"
SLOWLY = "authority publish=10 retire=10"
STEPS = ("publish", "sign", "retire")
MOMENT_SECONDS = 2.0  # in which the balancer learns that a replica is gone; it looks ten times a second
ON_ITS_WAY = "on their way to the killed process"
LED_THERE = "led to it before the balancer knew"


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
def test_whoever_rotates_is_stopped_at_each_step_and_no_admission_fails(
    bare: Scene, work: Path, figures: Record
) -> None:
    """Stopped as the kubelet stops it, by SIGTERM; it goes on serving for as long as the shipped delay."""
    tally = Tally()
    with self_certified(bare, work, FRESH) as replicas, Witness(bare.server) as witness, storm(bare, tally):
        for step in STEPS:
            holder_in(replicas, step).stop()
            restarted(replicas)
        enough(tally, tally.outcomes().total() + SOME)
        seen = witness.testify()
    total = tally.outcomes().total()
    figures.append(Figures("rotation, holder stopped", "2", BOUND, seen, tally, f"{total} admissions"))
    assert tally.outcomes() == {CREATED: total}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whoever_rotates_is_killed_at_each_step_and_only_calls_to_it_fail(
    bare: Scene, work: Path, figures: Record
) -> None:
    """A call fails only if it was on its way to the process when that was killed, or was led to it just after."""
    tally, kills = Tally(), list[float]()
    with self_certified(bare, work, FRESH) as replicas, Witness(bare.server) as witness, storm(bare, tally):
        for step in STEPS:
            holder = holder_in(replicas, step)
            kills.append(time.monotonic())
            holder.program.kill()
            restarted(replicas)
        enough(tally, tally.outcomes().total() + SOME)
        seen = witness.testify()
    total = tally.outcomes().total()
    failures = [told for told in tally if told.outcome != CREATED]
    caught = [of_the_kill(told, kills) for told in failures]
    note = f"{total} admissions; failed: {caught.count(ON_ITS_WAY)} {ON_ITS_WAY}, {caught.count(LED_THERE)} {LED_THERE}"
    figures.append(Figures("rotation, holder killed", "2", BOUND, seen, tally, note))
    assert [told for told, kind in zip(failures, caught, strict=True) if kind is None] == []
    assert caught.count(ON_ITS_WAY) <= CLIENTS * len(kills)


def holder_in(replicas: SelfCertified, step: str) -> Replica:
    """Wait until a rotation is in a step, and return the replica that holds the Lease."""
    is_seen_in(replicas, step, SLOWLY)
    until(lambda: replicas.holder() is not None, "a holder of the Lease", 60)
    holder = replicas.holder()
    assert holder is not None
    return holder


def restarted(replicas: SelfCertified) -> None:
    """Start what was ended, and wait until the rotation has ended, whoever goes on with it."""
    for replica in replicas:
        if replica._program is None or replica.program.identity.alive() is False:
            replica.start()
        replica.wait()
    until(lambda: all(map(replicas.leads_to, replicas)), "the balancer to lead to every replica", 60)
    is_rotated(replicas)


def of_the_kill(told: Told, kills: Sequence[float]) -> str | None:
    """Say how a failed call was hit by a kill; None if its time or its text say that it was not."""
    if not any(sign in told.text for sign in BROKEN):
        return None
    begun = told.at - told.took
    if any(begun <= kill <= told.at <= kill + MOMENT_SECONDS for kill in kills):
        return ON_ITS_WAY
    return LED_THERE if any(kill < begun <= kill + MOMENT_SECONDS for kill in kills) else None


def of_the_rotation(text: str) -> bool:
    """Say whether a call failed by the certificate or by the path."""
    return any(sign in text for sign in ("x509", "tls:", "no such path", "could not find the requested resource"))
