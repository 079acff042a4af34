"""A Deployment bursts past a threshold in the modes warn and audit: what enforcing would refuse is reported pod by pod.

What waits together is judged before any of it is counted, so this is where a report would say too little.
"""

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from devcluster.api import Object
from devcluster.processes import until
from devcluster.replicas import Replicas, headroom_serve
from tests.e2e.headroom import CONFIG, document
from tests.stress.figures import MI
from tests.stress.scene import BOUND, SETTLE_SECONDS, SHIPPED, Scene, accounts_for, shown
from webhook.core.config.parse import parse
from webhook.core.config.render import digest

pytestmark = pytest.mark.live

FIT, BEFORE, AFTER = 24, 3, 36
SIZE = f"{BOUND // FIT // MI}Mi"
OVER = AFTER - FIT
ROUNDS, SHORT_ROUNDS = 10, 2
NAME = "burst"


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("mode", ["audit", "warn"])
def test_a_burst_past_a_threshold_is_reported_pod_by_pod(
    controlled: Scene, work: Path, full: bool, mode: str, count: int
) -> None:
    reported = []
    with controlled.guarded(work, count, SHIPPED) as replicas:
        configure(controlled, replicas, mode)
        for number in range(ROUNDS if full else SHORT_ROUNDS):
            reported.append(one_burst(controlled, replicas, f"{NAME}-{number}"))
            assert decided(replicas, mode) == sum(reported), otherwise(replicas)
        told = trial(replicas)
    assert reported == [OVER] * len(reported)
    for number in range(len(reported)):
        parts = [part for part in told["owners"] if part["ownerName"].startswith(f"{NAME}-{number}")]
        assert sum(part["wouldBeRefused"] for part in parts) == OVER
        assert {part["ownerKind"] for part in parts} <= {"Deployment", "ReplicaSet"}
        peaks = [over["overByBytes"] for part in parts for over in part["peaks"] if over["sum"].endswith("limits")]
        assert BOUND // FIT <= max(peaks) <= OVER * BOUND // FIT, "those beyond the credit count once they are seen"
    assert told["mayBeTooLow"] is False


def configure(scene: Scene, replicas: Replicas, mode: str) -> None:
    """Bound requests and limits, in this mode, and return once every replica judges by that."""
    text = document({"requests": "75%", "limits": "75%"}, mode=mode, warnAt="100%")
    kind = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "headroom-config"}}
    scene.plane.api.apply(CONFIG, {**kind, "data": {"config.yaml": text}})
    applies = rf'headroom_config_info\{{hash="{digest(parse(text))}",mode="{mode}"\}}'
    until(lambda: all(shown(each, applies) == 1 for each in replicas), "the configuration", SETTLE_SECONDS)


def one_burst(scene: Scene, replicas: Replicas, name: str) -> int:
    """Scale a Deployment from 3 to 36 at once, and delete it; return how many of its pods are in the audit logs."""
    api = scene.plane.api
    path = f"/apis/apps/v1/namespaces/{scene.namespace}/deployments"
    api.create(path, deployment(name, BEFORE))
    settles(scene, replicas, name, BEFORE)
    api.patch(f"{path}/{name}", {"spec": {"replicas": AFTER}})
    settles(scene, replicas, name, AFTER)
    api.delete(f"{path}/{name}")
    until(lambda: not api.items(f"/apis/apps/v1/namespaces/{scene.namespace}/replicasets"), "its end", SETTLE_SECONDS)
    scene.clear()
    settles(scene, replicas, name, 0)
    until(lambda: sum(1 for _ in lines(replicas)) == decisions(replicas), "a line for each decision", SETTLE_SECONDS)
    return len({line["uid"] for line in lines(replicas) if line["name"].startswith(f"{name}-")})


def trial(replicas: Replicas) -> Object:
    """Report as `headroom trial` does."""
    files = [replica.audit_file for replica in replicas if replica.audit_file.exists()]
    command = [headroom_serve()[0], "trial", *files, "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    said: Object = json.loads(done.stdout)
    return said


def settles(scene: Scene, replicas: Replicas, name: str, pods: int) -> None:
    """Wait until there are so many pods, and every replica counts them and no others."""
    found = partial(scene.plane.api.items, scene.pods, labelSelector=f"app={name}")
    until(lambda: len(found()) == pods, f"{pods} pods of {name}", SETTLE_SECONDS)
    for replica in replicas:
        counted = partial(accounts_for, replica, pods * BOUND // FIT)
        until(counted, f"an account of {pods} pods by replica {replica.number}", SETTLE_SECONDS)


def deployment(name: str, replicas: int) -> Object:
    """Make a manifest of pods that end at once."""
    labels = {"app": name}
    size = {"memory": SIZE}
    container = {"name": "app", "image": "none", "resources": {"requests": size, "limits": size}}
    template = {
        "metadata": {"labels": labels},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def lines(replicas: Replicas) -> Iterator[Object]:
    """Read the audit lines of all replicas."""
    for replica in replicas:
        text = replica.audit_file.read_text() if replica.audit_file.exists() else ""
        yield from map(json.loads, text[: text.rfind("\n") + 1].splitlines())


def otherwise(replicas: Replicas) -> str:
    """Show the lines of pods that were reported for something else than the sums."""
    return "\n".join(json.dumps(line) for line in lines(replicas) if line["reason"] != "MemoryCommitmentExceeded")


def decisions(replicas: Replicas) -> int:
    """How many decisions were worth a line."""
    worth = r'headroom_admission_reviews_total\{(?!.*reason="(?:Fits|NotJudged)").*\}'
    return sum(shown(replica, worth) for replica in replicas)


def decided(replicas: Replicas, mode: str) -> int:
    """How many pods were let in that enforcing would refuse for the sums."""
    over = rf'headroom_admission_reviews_total\{{.*reason="MemoryCommitmentExceeded",verdict="{mode}"\}}'
    return sum(shown(replica, over) for replica in replicas)
