"""Bursts for which there is room twice: credit holds none of their pods up, alone or beside a webhook that is slow.

That no review waits for credit is counted. That a burst is as fast as without credit is measured too, in the same
replicas, whose credit is switched between one burst and the next. A burst comes once everything of the last one is
settled, and the clients of one account have their connections by then.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.cluster.processes import until
from tests.cluster.replicas import Replicas
from tests.storm.bystander import Mood, late, standing_by
from tests.storm.clients import CREATED, Client, Tally, crowd, pod
from tests.storm.conftest import Record
from tests.storm.figures import Figures
from tests.storm.launch import LIMITED, SWITCHED, UNLIMITED
from tests.storm.pairs import Turns, in_turn
from tests.storm.scene import BOUND, COMMITTED, SHIPPED, Scene, Times, shown
from tests.storm.test_credit import REFUSALS, apps, deployment, template
from tests.storm.witness import Witness

pytestmark = pytest.mark.live
slow = pytest.mark.slow

COUNT = 2  # replicas
BURST = 200
AWAITED = "headroom_admission_awaited_earlier_pods_total"
RESERVED = r"headroom_reservations\{.*\}"
AT_LEAST = 0.97  # of the rate without credit
SETTLED_SECONDS = 60.0

alone_or_not = pytest.mark.parametrize(
    "mood", [pytest.param(None, id="alone", marks=slow), pytest.param(late, id="beside-2-s")]
)


@alone_or_not
def test_a_burst_of_one_account_that_fits_twice_never_waits_for_credit(
    bare: Scene, work: Path, mood: Mood | None
) -> None:
    tally = Tally()
    with bare.guarded(work, COUNT) as replicas:
        with _beside(bare, work, mood):
            _burst(bare, tally)
        assert (tally[CREATED], _refused(replicas), _awaited(replicas)) == (BURST, 0, 0), str(tally)
        bare.clear()


@slow
@alone_or_not
def test_a_burst_of_one_account_is_as_fast_as_without_credit(
    bare: Scene, work: Path, figures: Record, mood: Mood | None
) -> None:
    tally = Tally()
    with _switched(bare, work, mood) as replicas:

        def burst() -> float:
            took = _burst(bare, tally)
            bare.clear()
            _settle(replicas, 0)
            return took

        burst()  # the first one of all finds replicas that have just started
        turns = _compared(replicas, burst, 40, 150)
        outcome = (tally.outcomes(), _refused(replicas), _awaited(replicas))
        assert outcome == ({CREATED: BURST * (2 * turns.ratio.pairs + 1)}, 0, 0)
    _judge(bare, figures, f"a burst of {BURST} creates, {_told(mood)}", turns)


@slow
@alone_or_not
def test_a_burst_of_a_deployment_is_as_fast_as_without_credit(
    controlled: Scene, work: Path, figures: Record, mood: Mood | None
) -> None:
    few, many = 2, 500
    size = BOUND // (2 * many) // 1024 * 1024
    path = f"{apps(controlled)}/web"
    with _switched(controlled, work, mood, SHIPPED) as replicas:
        controlled.plane.api.create(apps(controlled), deployment("web", few, size))
        _until_there_are(controlled, few)

        def burst() -> float:
            began = time.monotonic()
            controlled.plane.api.patch(path, {"spec": {"replicas": many}})
            _until_there_are(controlled, many)
            took = time.monotonic() - began
            controlled.plane.api.patch(path, {"spec": {"replicas": few}})
            _settle(replicas, few * size)
            return took

        burst()
        turns = _compared(replicas, burst, 12, 30)
        assert (_refused(replicas), _awaited(replicas)) == (0, 0)
        controlled.plane.api.delete(path, propagationPolicy="Background")
        _settle(replicas, 0)
    _judge(controlled, figures, f"a Deployment {few} to {many}, {_told(mood)}", turns)


@slow
@alone_or_not
def test_a_burst_of_a_job_is_as_fast_as_without_credit(
    controlled: Scene, work: Path, figures: Record, mood: Mood | None
) -> None:
    pods = 100
    size = BOUND // (2 * pods) // 1024 * 1024
    made = {**template("once", size)}
    made["spec"]["restartPolicy"] = "Never"
    spec = {"parallelism": pods, "completions": pods, "template": made}
    jobs = f"/apis/batch/v1/namespaces/{controlled.namespace}/jobs"
    with _switched(controlled, work, mood, SHIPPED) as replicas:

        def burst() -> float:
            began = time.monotonic()
            controlled.plane.api.create(jobs, {"metadata": {"name": "once"}, "spec": spec})
            _until_there_are(controlled, pods)
            took = time.monotonic() - began
            controlled.plane.api.delete(jobs, propagationPolicy="Background")
            until(lambda: not controlled.plane.api.items(jobs), "the end of the Job", SETTLED_SECONDS)
            controlled.clear()
            _settle(replicas, 0)
            return took

        burst()
        turns = _compared(replicas, burst, 20, 60)
        assert (_refused(replicas), _awaited(replicas)) == (0, 0)
    _judge(controlled, figures, f"a Job of {pods}, {_told(mood)}", turns)


@contextmanager
def _switched(place: Scene, work: Path, mood: Mood | None, times: Times | None = None) -> Iterator[Replicas]:
    """Let replicas guard the cluster whose credit can be switched off and on."""
    with place.guarded(work, COUNT, *([times] if times else []), fault="switched-credit") as replicas:
        with _beside(place, work, mood):
            yield replicas
        place.check(replicas)


def _compared(replicas: Replicas, burst: Callable[[], float], at_least: int, most: int) -> Turns:
    """Take turns, without credit and with it, until the ratio is known to a hundredth."""

    def turn(number: int) -> float:
        for replica in replicas:
            before = replica.log.read_text().count(SWITCHED)
            os.kill(replica.program.pid, number)
            until(partial(_has_switched, replica.log, before), "the switch of credit", SETTLED_SECONDS)
        return burst()

    return in_turn(lambda: turn(UNLIMITED), lambda: turn(LIMITED), at_least, most, 0.01)


def _has_switched(log: Path, before: int) -> bool:
    return log.read_text().count(SWITCHED) > before


def _judge(place: Scene, figures: Record, storm: str, turns: Turns) -> None:
    with Witness(place.server) as witness:
        seen = witness.testify()
    without, with_it = turns.controls
    note = f"rate with credit / without: {turns.ratio}; controls: without / without {without}, with / with {with_it}"
    figures.append(Figures(storm, str(COUNT), BOUND, seen, note=note))
    assert turns.ratio.ratio >= AT_LEAST, note


@contextmanager
def _beside(place: Scene, work: Path, mood: Mood | None) -> Iterator[None]:
    if mood is None:
        yield
        return
    with standing_by(place.plane, work / "bystander", place.namespace, mood):
        yield


def _told(mood: Mood | None) -> str:
    return "alone" if mood is None else "beside a webhook that takes 2 s"


def _burst(place: Scene, tally: Tally) -> float:
    """Create all pods at once; return the seconds until the last one is there."""
    size = BOUND // (2 * BURST) // 1024 * 1024
    with crowd(place.server, place.namespace, tally, BURST) as run:
        run(lambda client, _: client.connect())
        began = time.monotonic()
        run(lambda client, number: _create(client, f"burst-{number}", size))
        return time.monotonic() - began


def _create(client: Client, name: str, size: int) -> None:
    client.create(pod(name, size))


def _refused(replicas: Replicas) -> int:
    return sum(shown(replica, REFUSALS) for replica in replicas)


def _awaited(replicas: Replicas) -> int:
    return sum(shown(replica, AWAITED) for replica in replicas)


def _settle(replicas: Replicas, held: int) -> None:
    """Wait until each replica counts just so much, and holds room for nothing that is still to come or to be told."""
    for replica in replicas:
        until(
            lambda replica=replica: shown(replica, COMMITTED) == held and not shown(replica, RESERVED),  # type: ignore[misc]
            f"an account of {held} by replica {replica.number}",
            SETTLED_SECONDS,
        )


def _until_there_are(place: Scene, pods: int) -> None:
    until(lambda: _count(place) == pods, f"{pods} pods", 120)


def _count(place: Scene) -> int:
    """How many pods there are, which the API server knows without showing more than one."""
    found = place.plane.api.get(place.pods, limit=1)
    return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))
