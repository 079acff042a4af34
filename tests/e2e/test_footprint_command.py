"""`headroom footprint` says of a file what the API server's own defaults make of it."""

import json
from random import Random
from typing import Any

import pytest

from devcluster.api import ApiError, Object
from devcluster.processes import until
from tests.e2e.pods import NOBODY
from tests.e2e.story import Story
from webhook.core.api.types import Pod, convert
from webhook.core.manifests.manifest import Item, contents, holdings
from webhook.core.manifests.settings import LimitRange, RuntimeClass
from webhook.core.pods.footprint import footprint
from webhook.core.values.amounts import Amounts
from webhook.core.values.quantity import millis, whole

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

TRIED = 600
MEMORY = ("64Mi", "100Mi", "0.5Gi", "1e8", 100_000_000, "128974848000m", "0", "1500u")
CPU = ("100m", "0.25", "1e-1", 1, "1500u", "0")


def amounts(rng: Random) -> Object:
    """Quantities of memory and cpu, or of one of them, or of none."""
    chosen = {"memory": rng.choice(MEMORY), "cpu": rng.choice(CPU)}
    return {name: value for name, value in chosen.items() if rng.random() < 0.6}


def resources(rng: Random) -> Object:
    """Requests, limits, both or neither; where both are there, the limit is mostly the larger, as it must be."""
    asked = {kind: amounts(rng) for kind in ("requests", "limits") if rng.random() < 0.6}
    if rng.random() < 0.8 and len(asked) == 2:
        asked["limits"] = {name: {"memory": "2Gi", "cpu": "3"}[name] for name in asked["limits"]}
    return asked


def random_pod(rng: Random) -> Object:
    """A pod of any shape; the API server does not take every one of them."""
    init = [
        {"name": f"init-{n}", "image": "none", "resources": resources(rng)}
        | ({"restartPolicy": "Always"} if rng.random() < 0.5 else {})
        for n in range(rng.choice((0, 0, 1, 2, 3)))
    ]
    apps = [{"name": f"app-{n}", "image": "none", "resources": resources(rng)} for n in range(rng.choice((1, 1, 2, 3)))]
    spec: Object = {"schedulerName": NOBODY, "containers": apps, "initContainers": init}
    if rng.random() < 0.6:
        large = {"memory": rng.choice(("8Gi", "9e9")), "cpu": rng.choice(("16", 20))}
        limits = {name: value for name, value in large.items() if rng.random() < 0.7}
        own = {"limits": limits, "requests": {n: v for n, v in limits.items() if rng.random() < 0.3}}
        spec["resources"] = {kind: each for kind, each in own.items() if rng.random() < 0.8}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def we_say(text: str) -> Amounts:
    """What the command makes of a file."""
    found = [*contents(text.encode())]
    items = [each for each in found if isinstance(each, Item)]
    settings = [each for each in found if isinstance(each, LimitRange | RuntimeClass)]
    assert len(items) + len(settings) == len(found), found
    [holding] = holdings(items, settings).holdings
    memory, cpu = holding.breakdown
    sums = [memory.requests, memory.limits, memory.filled, cpu.requests, cpu.limits, cpu.filled]
    figures = [whole(each.total) for each in sums[:3]] + [millis(each.total) for each in sums[3:]]
    return Amounts._make([*figures[:3], int(memory.is_unbounded), *figures[3:], int(cpu.is_unbounded)])


def test_a_file_commits_what_the_api_server_makes_of_it(story: Story) -> None:
    story.headroom.configure({"requests": "1000%"})
    rng = Random(36)  # noqa: S311 - test data, no secret
    taken, with_own_limits = 0, 0
    for _ in range(TRIED):
        pod = random_pod(rng)
        try:
            made = story.create(pod, dryRun="All")
        except ApiError as error:
            assert error.code == 422, error  # noqa: PT017 - a pod that is not valid, and nothing else
            continue
        taken += 1
        with_own_limits += bool(pod["spec"].get("resources", {}).get("limits"))
        assert we_say(json.dumps(pod)) == footprint(convert(made, Pod)), json.dumps(pod)
    print(f"{taken} of {TRIED} were valid, {with_own_limits} of these with limits of the pod itself")
    assert taken > TRIED // 4
    assert with_own_limits > TRIED // 20


def test_limit_ranges_and_a_runtime_class_in_the_file_do_what_they_do_in_a_cluster(story: Story) -> None:
    """What containers leave out is filled in by two LimitRanges, the pod's overhead by its RuntimeClass."""
    story.headroom.configure({"requests": "1000%"})
    # Where both fill in the same, Kubernetes takes them in no particular order.
    first = {"type": "Container", "default": {"memory": "128Mi"}, "min": {"memory": "8Mi"}}
    second = {"type": "Container", "defaultRequest": {"cpu": "100m"}, "max": {"cpu": "500m"}}
    kind = {"apiVersion": "v1", "kind": "LimitRange"}
    ranges = [
        {**kind, "metadata": {"name": name, "namespace": story.namespace}, "spec": {"limits": [{"type": "Pod"}, each]}}
        for name, each in (("a", first), ("b", second))
    ]
    overhead = {"podFixed": {"memory": "100Mi", "cpu": "30m"}}
    runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": story.namespace}}
    runtime |= {"handler": "none", "overhead": overhead}
    base = "/apis/node.k8s.io/v1/runtimeclasses"
    story.api.create(base, runtime)
    try:
        for each in ranges:
            story.api.create(f"/api/v1/namespaces/{story.namespace}/limitranges", each)
        for resources in ({}, {"requests": {"memory": "16Mi"}}, {"limits": {"cpu": "400m"}}):
            until_equal(story, runtime, ranges, resources)
    finally:
        story.api.delete(f"{base}/{story.namespace}")


def until_equal(story: Story, runtime: Object, ranges: list[Object], resources: Object) -> None:
    """The API server knows new LimitRanges and RuntimeClasses by watches, so it may take a moment."""
    app = {"name": "app", "image": "none", "resources": resources}
    spec = {"schedulerName": NOBODY, "runtimeClassName": story.namespace, "containers": [app], "initContainers": []}
    metadata = {"name": "p", "namespace": story.namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    ours = we_say("".join(map(json.dumps, (*ranges, pod, runtime))))

    def as_made() -> bool:
        made = story.create(pod, dryRun="All")
        return footprint(convert(made, Pod)) == ours

    until(as_made, f"the API server's {ours}", 10.0)


SCALARS = ("1e8", "1_000_000", "0o17", "017", "0x1F", "0b11", "08", "1.5e3", "'128Mi'", "100000000.0", "+5", "3.")


@pytest.mark.parametrize("scalar", SCALARS)
def test_yaml_is_read_as_kubectl_reads_it(story: Story, scalar: str) -> None:
    text = f"""
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec:
  schedulerName: {NOBODY}
  containers: [{{name: app, image: none, resources: {{limits: {{memory: {scalar}}}}}}}]
"""
    kubectl = story.headroom.cluster.kubectl
    made = kubectl(f"--namespace={story.namespace}", "create", "--dry-run=server", "-ojson", "-f", "-", input=text)
    assert we_say(text) == footprint(convert(json.loads(made.stdout), Pod))


def test_a_deployments_pods_commit_what_its_file_says(story: Story) -> None:
    """Through a controller, which makes the pods from the template as the API server kept it."""
    container: dict[str, Any] = {
        "name": "app",
        "image": "none",
        "resources": {"limits": {"memory": "70Mi", "cpu": "1500u"}},
    }
    spec = {"schedulerName": NOBODY, "containers": [container], "resources": {"limits": {"memory": "100Mi", "cpu": 1}}}
    template = {"metadata": {"labels": {"app": "it"}}, "spec": spec}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "it"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "it"}}, "template": template},
    }
    story.headroom.configure({"requests": "1000%"})
    path = f"/apis/apps/v1/namespaces/{story.namespace}/deployments"
    story.api.create(path, deployment)
    made = until_there(story)
    story.api.delete(f"{path}/it", propagationPolicy="Background")
    assert we_say(json.dumps(deployment)) == footprint(convert(made, Pod))


def until_there(story: Story) -> Object:
    """Wait for the one pod."""
    found: list[Object] = []

    def there() -> bool:
        found[:] = story.api.items(story.pods)
        return bool(found)

    until(there, "the Deployment's pod", 120.0)
    return found[0]
