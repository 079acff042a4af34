"""Storms through real controllers: Deployments scaled at random and rolled, far past the bound."""

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from devcluster.processes import until
from tests.stress.clients import CREATED, REFUSED, WEBHOOK, Client, Tally, pod
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.scene import BOUND, POD, PODS, Scene, settle
from tests.stress.witness import Witness

pytestmark = pytest.mark.live

DEPLOYMENTS = 6
MOST = 2 * PODS // DEPLOYMENTS  # of one: all together may ask for twice what fits
SECONDS, SHORT_SECONDS = 60.0, 12.0
chance = random.SystemRandom()
DENIED = 'admission webhook "pods.headroom.internal" denied the request: pod'


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)])
def test_controllers_that_ask_for_twice_the_bound_get_the_bound(
    controlled: Scene, work: Path, figures: Record, full: bool, count: int
) -> None:
    tally, api = Tally(), controlled.plane.api
    path = f"/apis/apps/v1/namespaces/{controlled.namespace}/deployments"
    with controlled.guarded(work, count) as replicas, Witness(controlled.server) as witness:
        for number in range(DEPLOYMENTS):
            api.create(path, deployment(f"web-{number}"))
        deadline = time.monotonic() + (SECONDS if full else SHORT_SECONDS)
        rounds = 0
        while time.monotonic() < deadline:
            change(controlled, f"{path}/web-{chance.randrange(DEPLOYMENTS)}")
            rounds += 1
            time.sleep(chance.uniform(0.0, 0.5))
        for number in range(DEPLOYMENTS):
            api.delete(f"{path}/web-{number}", propagationPolicy="Background")
        # As long as a ReplicaSet is there it may make another pod, at any moment: long after the last try.
        sets = path.replace("deployments", "replicasets")
        until(lambda: not api.items(sets) and not api.items(controlled.pods), "the end of the deployments' pods", 180)
        settle(replicas, 0)  # a create that the API server had begun may have come later, or never
        with closing(Client(controlled.server, controlled.namespace, tally)) as client:
            fit = 0
            while client.insist(pod(f"plain-{fit}", POD)) == CREATED:
                fit += 1
        seen = witness.testify()
        told = complaints(controlled)
    figures.append(Figures("scale and roll", str(count), BOUND, seen, tally, f"{rounds} changes, {fit} fit after it"))
    assert seen.over(BOUND) == []
    assert seen.maximum.held == BOUND
    assert (fit, tally[REFUSED]) == (PODS, 1)
    assert [text for text in told if WEBHOOK in text and DENIED not in text] == []


def deployment(name: str) -> dict[str, object]:
    """One whose pods take as long as KWOK's do to come and go."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod("", POD)["spec"] | {"schedulerName": "default-scheduler"}}
    selector = {"matchLabels": labels}
    return {"metadata": {"name": name}, "spec": {"replicas": 4, "selector": selector, "template": template}}


def change(scene: Scene, path: str) -> None:
    """Scale a deployment to anything, or roll it."""
    api = scene.plane.api
    if chance.random() < 0.25:
        stamp = {"metadata": {"annotations": {"rolled": str(time.time())}}}
        api.patch(path, {"spec": {"template": stamp}})
        return
    api.patch(f"{path}/scale", {"spec": {"replicas": chance.choice([0, 1, MOST // 2, MOST])}})


def complaints(scene: Scene) -> set[str]:
    """What the controllers were told when they could not create a pod."""
    events = scene.plane.api.items(f"/api/v1/namespaces/{scene.namespace}/events")
    return {event["message"] for event in events if event["reason"] == "FailedCreate"}
