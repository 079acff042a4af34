"""Replicas of the previous version are replaced by this one, one after the other, under load, and the other way round.

While both versions are there, they book from one shared object, which each must read as the other wrote it.
"""

import json
import time
from pathlib import Path

import pytest

from devcluster import gate
from devcluster.processes import until
from devcluster.replicas import Replicas, headroom_serve
from tests.e2e.headroom import SHARED
from tests.stress.churn import Churn
from tests.stress.clients import CONFLICT, Client, Tally, crowd, pod
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.previous import NoPreviousError, Previous, previous
from tests.stress.recovery import AFTER_SECONDS, BACK_SECONDS, full_again, longest_silence
from tests.stress.scene import BOUND, SHIPPED, WRITES, Scene, shown
from tests.stress.witness import Witness

LATE_SECONDS = 0.5  # by which new connections may still be led to a replica that stops
# For which it goes on serving, as shipped. After 2 s, a connection that had rested for so long was used as it closed.
DELAY_SECONDS = 10.0
TURN_SECONDS = 60.0  # in which two replicas that both run have each admitted a pod and booked
CROWD = 48  # more than the connections that the API server keeps for the next calls: 25
ADMITTED = r'headroom_admission_reviews_total\{[^}]*verdict="(?:allow|warn)"[^}]*\}'


@pytest.fixture(scope="module")
def before() -> Previous:
    try:
        return previous()
    except NoPreviousError as error:
        pytest.skip(f"nothing was upgraded or rolled back: {error}")


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_upgrade_and_a_rollback_fail_no_create_and_pass_no_bound(
    bare: Scene, before: Previous, work: Path, figures: Record
) -> None:
    tally, backs, epochs = Tally(), [], []
    started = bare.guarded(
        work,
        2,
        SHIPPED,
        serve=before.serve,
        manifests=before.manifests,
        shutdown_delay=DELAY_SECONDS,
        look_seconds=LATE_SECONDS,
    )
    with started as replicas, Witness(bare.server) as witness:
        with Churn(bare, tally, deleters=1, patience=0.05).running() as churn:
            until(lambda: witness.held > BOUND // 2, "the first half", 60)
            assert all(before.signature in replica.log.read_text() for replica in replicas)
            began = time.monotonic()
            epochs.append(_epoch(bare))
            for serve, manifests in ((headroom_serve(), gate.LOCAL), (before.serve, before.manifests)):
                _apply(bare, replicas, manifests)
                replicas.serve_by(serve)
                for replica in replicas:
                    replica.stop()
                    backs.append(full_again(witness, churn, time.monotonic(), BACK_SECONDS))
                    said = len(replica.log.read_text())
                    replica.start()
                    replica.wait()
                    is_previous = before.signature in replica.log.read_text()[said:]
                    assert is_previous is (manifests is before.manifests)
                    _both_serve(bare, replicas, tally)
                    epochs.append(_epoch(bare))
            ended = time.monotonic()
            time.sleep(AFTER_SECONDS)
        seen = witness.testify()
    silence = longest_silence(tally, began, ended)
    note = f"from {before.commit[:7]} and back, full again after {max(backs):.1f} s, without an answer {silence:.1f} s"
    figures.append(Figures("upgrade and rollback", "2", BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert tally.unusual() == {}  # no create has failed, and none went without an answer
    assert max(backs) < BACK_SECONDS
    assert len(set(epochs)) == 1, "the shared object was made again: one version did not read what the other wrote"


def test_a_clone_without_the_commit_says_so() -> None:
    with pytest.raises(NoPreviousError, match=r"does not have the commit v0\.0\.0-none,.*git fetch --unshallow"):
        previous("v0.0.0-none")


def _apply(place: Scene, replicas: Replicas, manifests: Path) -> None:
    """Apply a version's manifests, with the rights and the gate that it ships, as its folder is applied."""
    gate.close(place.plane, gate.apply_all_but_the_gate(place.plane, manifests), replicas.url, replicas.ca_file)


def _epoch(place: Scene) -> str:
    """Return which life of the shared object this is."""
    path, _ = SHARED
    epoch: str = json.loads(place.plane.api.get(path)["data"]["state.json"])["state"]["epoch"]
    return epoch


def _both_serve(place: Scene, replicas: Replicas, tally: Tally) -> None:
    """Return once each replica has admitted pods since now, and has written into the object that both share.

    The API server keeps its connections, all of which may lead to one of them. A crowd makes it open more. Its pods are
    larger than the cluster, so that they take nothing from the churn's.
    """
    figures = {(each, sample): shown(each, sample) for each in replicas for sample in (ADMITTED, WRITES)}
    huge = pod("larger-than-all", 2 * BOUND)

    def ask(client: Client, _: int) -> None:
        client.create(huge)

    with crowd(place.server, place.namespace, tally, CROWD) as run:
        for (replica, sample), figure in figures.items():
            deadline = time.monotonic() + TURN_SECONDS
            while shown(replica, sample) <= figure:
                assert time.monotonic() < deadline, f"replica {replica.number} still shows {figure} {sample}"
                run(ask)
                time.sleep(TURN_SECONDS / 60)
