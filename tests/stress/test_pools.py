"""A pool's bound holds for whoever asks for the pool, at once or later: many at a time, at two replicas."""

import itertools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from devcluster import nodes
from devcluster.api import ApiError, Object
from devcluster.processes import until
from devcluster.replicas import Replicas
from tests.e2e.headroom import CONFIG, document
from tests.e2e.story import LATE
from tests.stress.figures import MI
from tests.stress.scene import SETTLE_SECONDS, Scene, shown
from webhook.core.values.quantity import nanos, whole

pytestmark = pytest.mark.live

POOL_MI = 4096
CLIENTS = 8
GATE = "example.com/quota"
SELECTOR: Object = {"nodeSelector": {"pool": "hm"}}


def affinity(operator: str, *values: str) -> Object:
    """Required node affinity by one requirement on the label `pool`."""
    terms = [{"matchExpressions": [{"key": "pool", "operator": operator, "values": list(values)}]}]
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    }


TO_THE_POOL = (SELECTOR, affinity("In", "hm", "nosuch"), affinity("Exists"))


def gated(name: str, size_mi: int) -> Object:
    """A pod that the scheduler leaves alone for now."""
    container = {"name": "main", "image": "none", "resources": {"requests": {"memory": f"{size_mi}Mi"}}}
    return {"metadata": {"name": name}, "spec": {"schedulingGates": [{"name": GATE}], "containers": [container]}}


@contextmanager
def guarded(scene: Scene, work: Path) -> Iterator[None]:
    """Two replicas that know of a third node, of 4Gi, in a pool of its own that is bounded by all of it."""
    nodes.add(scene.plane, 1, nodes.Shape(memory=f"{POOL_MI}Mi", labels={"pool": "hm"}), first=3)
    hm = {"name": "hm", "nodeSelector": {"pool": "hm"}, "thresholds": {"memory": {"requests": "100%"}}}
    kind = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "headroom-config"}}
    text = document({"requests": "100%"}, pools=[hm])
    with scene.guarded(work, 2) as replicas:
        scene.plane.api.apply(CONFIG, {**kind, "data": {"config.yaml": text}})
        until(partial(knows, replicas), "the pool at both replicas", SETTLE_SECONDS)
        yield
        scene.clear()


def knows(replicas: Replicas) -> bool:
    """Whether each replica counts the pool's node."""
    sample = r'headroom_scope_memory_requests_bound_bytes\{scope="hm"\}'
    return all(shown(replica, sample) == POOL_MI * MI for replica in replicas)


def committed_mi(scene: Scene) -> int:
    """What those pods request that can run on the pool's node alone."""
    confined = [pod["spec"] for pod in scene.plane.api.items(scene.pods) if sends_to_the_pool(pod["spec"])]
    asked = [spec["containers"][0]["resources"]["requests"]["memory"] for spec in confined]
    return sum(whole(nanos(each)) for each in asked) // MI


def sends_to_the_pool(spec: Object) -> bool:
    """Whether a pod is confined to the pool: every selector and affinity here means that."""
    return bool(spec.get("nodeSelector") or spec.get("affinity"))


def tried(scene: Scene, attempt: Object | tuple[str, Object]) -> str:
    """Create a pod, or open one's gate and send it somewhere in one patch as Kueue does; say what came of it.

    Told that its answer comes too late, as on a busy machine, a client tries again.
    """
    while LATE in (told := tried_once(scene, attempt)):
        pass
    return told


def tried_once(scene: Scene, attempt: Object | tuple[str, Object]) -> str:
    """Do what `tried` says, without trying again."""
    try:
        if isinstance(attempt, tuple):
            name, where = attempt
            scene.plane.api.patch(f"{scene.pods}/{name}", {"spec": {"schedulingGates": [], **where}})
        else:
            scene.plane.api.create(scene.pods, attempt)
    except ApiError as error:
        return "refused" if "exceeds pool hm's memory headroom" in error.message else error.message
    return "let in"


def test_three_gated_pods_of_2gi_never_pass_4gi(bare: Scene, work: Path) -> None:
    with guarded(bare, work):
        for number in range(3):
            bare.plane.api.create(bare.pods, gated(f"gated-{number}", 2048))
        told = [tried(bare, (f"gated-{number}", SELECTOR)) for number in range(3)]
        assert told == ["let in", "let in", "refused"]
        assert committed_mi(bare) == POOL_MI
        assert tried(bare, ("gated-2", {})) == "let in", "its gate opens, as long as it may run elsewhere"
        assert tried(bare, sent(gated("listed", 1), affinity("In", "hm", "nosuch"))) == "refused"
        bare.plane.api.delete(f"{bare.pods}/gated-0")
        listed = sent(gated("listed", 2048), affinity("In", "hm", "nosuch"))
        until(lambda: tried(bare, listed) == "let in", "the room of the deleted pod", SETTLE_SECONDS)


def test_a_crowd_fills_the_pool_to_the_last_byte_and_no_further(bare: Scene, work: Path) -> None:
    """Half of the pods are made for the pool, half are sent there later; a quarter more than fit."""
    fit, size = 32, POOL_MI // 32
    with guarded(bare, work), ThreadPoolExecutor(CLIENTS) as clients:
        waiting = [gated(f"gated-{number}", size) for number in range(fit * 5 // 8)]
        list(clients.map(partial(bare.plane.api.create, bare.pods), waiting))
        ways = itertools.cycle(TO_THE_POOL)
        attempts: list[Object | tuple[str, Object]] = []
        for number, made in enumerate(waiting):
            attempts += [(made["metadata"]["name"], next(ways)), sent(gated(f"made-{number}", size), next(ways))]
        told = Counter(clients.map(partial(tried, bare), attempts))
        assert committed_mi(bare) == POOL_MI, told
        assert told["let in"] == fit


def sent(pod: Object, where: Object) -> Object:
    """The same pod, confined from the start."""
    return {**pod, "spec": {**pod["spec"], **where}}
