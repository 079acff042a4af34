"""Bursts for which there is room twice: credit holds none of their pods up, alone or beside a webhook that is slow.

That no review waits for credit is counted. That a burst is as fast as without credit is measured too, in the same
replicas, whose credit is switched between one burst and the next; the processor time that each took is shown beside
it. A burst comes once everything of the last one is settled, and the clients of one account have their connections by
then.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import pytest

from benchmarks.usage import cpu_seconds
from devcluster.processes import until
from devcluster.replica import Replica
from devcluster.replicas import Replicas
from tests.stress.bystander import Mood, late, standing_by
from tests.stress.clients import CREATED, Client, Tally, crowd, pod
from tests.stress.conftest import Record
from tests.stress.deployments import REFUSALS, apps, deployment, template
from tests.stress.figures import Figures
from tests.stress.launch import LIMITED, SWITCHED, UNLIMITED
from tests.stress.pairs import Patience, Turns, in_turn, possible_rate
from tests.stress.scene import BOUND, SHIPPED, SHORT, Scene, Times, settle, shown
from tests.stress.witness import Witness

pytestmark = pytest.mark.live
slow = pytest.mark.slow
long = pytest.mark.timeout(900)  # where a machine is slow that does much besides

COUNT = 2  # replicas
BURST = 200
AWAITED = "headroom_admission_awaited_earlier_pods_total"
AT_LEAST = 0.97  # of the rate without credit
SECONDS = 400.0  # for the pairs of one test, if it takes so long
WIDTH = 0.02  # of the ratio's interval to each side, which is enough
TELLING = 0.03  # of that, beyond which nothing can be said
PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
SETTLED_SECONDS = 60.0
TIMES = Times(SHIPPED.validity, SHIPPED.lapse, SHORT.renew)  # as shipped, but soon settled after a burst

Step = Callable[[], None]

alone_or_not = pytest.mark.parametrize(
    "mood", [pytest.param(None, id="alone", marks=slow), pytest.param(late, id="beside-2-s")]
)


@alone_or_not
def test_a_burst_of_one_account_that_fits_twice_never_waits_for_credit(
    bare: Scene, work: Path, mood: Mood | None
) -> None:
    tally = Tally()
    with bare.guarded(work, COUNT) as replicas:
        with _beside(bare, work, mood), crowd(bare.server, bare.namespace, tally, BURST) as run:
            run(_create)
        assert (tally[CREATED], _refused(replicas), _awaited(replicas)) == (BURST, 0, 0), str(tally)
        bare.clear()


@slow
@long
@alone_or_not
def test_a_burst_of_one_account_is_as_fast_as_without_credit(
    bare: Scene, work: Path, figures: Record, mood: Mood | None
) -> None:
    tally = Tally()
    with _switched(bare, work, mood) as replicas, crowd(bare.server, bare.namespace, tally, BURST) as run:

        def clear() -> None:
            bare.clear()
            settle(replicas, 0)

        run(lambda client, _: client.connect())
        compared = _compared(bare, replicas, partial(run, _create), clear, Patience(40, WIDTH, SECONDS))
        assert (_refused(replicas), _awaited(replicas)) == (0, 0)
        assert tally.outcomes() == {CREATED: BURST * compared.bursts}, tally.unusual()
    _judge(bare, figures, f"a burst of {BURST} creates, {_told(mood)}", BURST, compared)


@slow
@long
@alone_or_not
def test_a_burst_of_a_deployment_is_as_fast_as_without_credit(
    controlled: Scene, work: Path, figures: Record, mood: Mood | None
) -> None:
    few, many = 2, 500
    size = BOUND // (2 * many) // 1024 * 1024
    path = f"{apps(controlled)}/web"
    with _switched(controlled, work, mood) as replicas:

        def scale() -> None:
            controlled.plane.api.patch(path, {"spec": {"replicas": many}})
            _until_there_are(controlled, many)

        def clear() -> None:
            controlled.plane.api.patch(path, {"spec": {"replicas": few}})
            settle(replicas, few * size)

        controlled.plane.api.create(apps(controlled), deployment("web", few, size))
        settle(replicas, few * size)
        compared = _compared(controlled, replicas, scale, clear, Patience(12, WIDTH, SECONDS))
        assert (_refused(replicas), _awaited(replicas)) == (0, 0)
        controlled.plane.api.delete(path, propagationPolicy="Background")
        settle(replicas, 0)
    _judge(controlled, figures, f"a Deployment {few} to {many}, {_told(mood)}", many - few, compared)


@slow
@long
@alone_or_not
def test_a_burst_of_a_job_is_as_fast_as_without_credit(
    controlled: Scene, work: Path, figures: Record, mood: Mood | None
) -> None:
    pods = 100
    size = BOUND // (2 * pods) // 1024 * 1024
    made = template("once", size)
    made["spec"]["restartPolicy"] = "Never"
    job = {"metadata": {"name": "once"}, "spec": {"parallelism": pods, "completions": pods, "template": made}}
    jobs = f"/apis/batch/v1/namespaces/{controlled.namespace}/jobs"
    with _switched(controlled, work, mood) as replicas:

        def start() -> None:
            controlled.plane.api.create(jobs, job)
            _until_there_are(controlled, pods)

        def clear() -> None:
            controlled.plane.api.delete(jobs, propagationPolicy="Background")
            until(lambda: not controlled.plane.api.items(jobs), "the end of the Job", SETTLED_SECONDS)
            controlled.clear()
            settle(replicas, 0)

        compared = _compared(controlled, replicas, start, clear, Patience(20, WIDTH, SECONDS))
        assert (_refused(replicas), _awaited(replicas)) == (0, 0)
    _judge(controlled, figures, f"a Job of {pods}, {_told(mood)}", pods, compared)


class Compared(NamedTuple):
    """Bursts without credit and with it, in seconds: how long they took, and the processor time that was spent on them.

    `spent` is that of both replicas, `plane` that of the control plane.
    """

    took: Turns
    spent: Turns
    plane: Turns

    @property
    def bursts(self) -> int:
        """How many there were, the one before the first pair too."""
        return 2 * len(self.took.first) + 1


@contextmanager
def _switched(place: Scene, work: Path, mood: Mood | None) -> Iterator[Replicas]:
    """Let replicas guard the cluster whose credit can be switched off and on."""
    with place.guarded(work, COUNT, TIMES, fault="switched-credit") as replicas:
        with _beside(place, work, mood):
            yield replicas
        place.check(replicas)


def _compared(place: Scene, replicas: Replicas, burst: Step, clear: Step, patience: Patience) -> Compared:
    """Take turns, after a burst that finds replicas which have just started."""
    spent: dict[int, list[float]] = {UNLIMITED: [], LIMITED: []}
    plane: dict[int, list[float]] = {UNLIMITED: [], LIMITED: []}
    ours = [replica.program.pid for replica in replicas]
    theirs = [place.plane.pid(name) for name in PLANE if place.plane.controllers or name in PLANE[:2]]

    def turn(credit: int) -> float:
        _switch(replicas, credit)
        before, of_plane, began = cpu_seconds(ours), cpu_seconds(theirs), time.monotonic()
        burst()
        took = time.monotonic() - began
        spent[credit].append(cpu_seconds(ours) - before)
        plane[credit].append(cpu_seconds(theirs) - of_plane)
        clear()
        return took

    burst()
    clear()
    took = in_turn(partial(turn, UNLIMITED), partial(turn, LIMITED), patience)
    return Compared(took, *(Turns(each[UNLIMITED], each[LIMITED]) for each in (spent, plane)))


def _switch(replicas: Replicas, credit: int) -> None:
    """Let replicas give credit from now on as the signal says."""
    for replica in replicas:
        before = _switches(replica)
        os.kill(replica.program.pid, credit)
        until(lambda each=replica, before=before: _switches(each) > before, "the switch of credit", SETTLED_SECONDS)  # type: ignore[misc]  # mypy knows no defaults in a lambda


def _switches(replica: Replica) -> int:
    return replica.log.read_text().count(SWITCHED)


def _judge(place: Scene, figures: Record, storm: str, pods: int, compared: Compared) -> None:
    with Witness(place.server) as witness:
        seen = witness.testify()
    rate, (without, with_it) = compared.took.ratio, compared.took.controls
    possible = possible_rate(compared.spent, compared.plane)
    ours, theirs = (fmean(each.first + each.second) / pods * 1e3 for each in (compared.spent, compared.plane))
    note = (
        f"rate with credit / without: {rate}; controls: without / without {without}, with / with {with_it}; "
        f"processor time without / with: {compared.spent.ratio}, for a pod {ours:.2f} ms of both replicas, "
        f"{theirs:.1f} of the control plane; by that a rate of {possible}"
    )
    figures.append(Figures(storm, str(COUNT), BOUND, seen, note=note))
    assert rate.high >= AT_LEAST, f"slower than without credit: {note}"
    assert rate.width <= TELLING, f"this machine does too much besides to tell: {note}"
    assert rate.ratio >= AT_LEAST, note


@contextmanager
def _beside(place: Scene, work: Path, mood: Mood | None) -> Iterator[None]:
    if mood is None:
        yield
        return
    with standing_by(place.plane, work / "bystander", place.namespace, mood):
        yield


def _told(mood: Mood | None) -> str:
    return "alone" if mood is None else "beside a webhook that takes 2 s"


def _create(client: Client, number: int) -> None:
    client.create(pod(f"burst-{number}", BOUND // (2 * BURST) // 1024 * 1024))


def _refused(replicas: Replicas) -> int:
    return sum(shown(replica, REFUSALS) for replica in replicas)


def _awaited(replicas: Replicas) -> int:
    return sum(shown(replica, AWAITED) for replica in replicas)


def _until_there_are(place: Scene, pods: int) -> None:
    until(lambda: _count(place) == pods, f"{pods} pods", 120)


def _count(place: Scene) -> int:
    """How many pods there are, which the API server knows without showing more than one."""
    found = place.plane.api.get(place.pods, limit=1)
    return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))
