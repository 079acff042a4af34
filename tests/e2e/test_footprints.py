"""What the account makes of a pod as the API server keeps it, against arithmetic done here by hand."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from devcluster.api import Object
from devcluster.cluster import Cluster
from tests.e2e.pods import asking, container, memory, pod
from tests.e2e.story import Story

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

MI = 1 << 20
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
SANDBOX = "headroom-test-sandbox"


class Case(NamedTuple):
    """A pod and what it is to add to the sums of requests and of limits, in Mi."""

    name: str
    pod: Object
    requests: float
    limits: float


def init(requests: str, limits: str, name: str, **more: object) -> Object:
    return container(requests, limits, name, **more)


def sidecar(requests: str, limits: str | None, name: str) -> Object:
    return container(requests, limits, name, restartPolicy="Always")


APP = container("100Mi", "200Mi", "app")
SECOND = container("50Mi", "60Mi", "second")

CASES = [
    Case("containers-are-added", pod("p", APP, SECOND), 150, 260),
    Case("a-limit-alone-is-a-request-too", pod("p", container(None, "70Mi")), 70, 70),
    Case("a-request-alone-fills-in-for-the-limit", pod("p", container("70Mi")), 70, 70),
    Case("nothing-asked-is-nothing-counted", pod("p", container()), 0, 0),
    Case(
        "the-highest-init-container-counts-where-it-is-above-the-containers",
        pod("p", APP, initContainers=[init("300Mi", "350Mi", "a"), init("250Mi", "400Mi", "b")]),
        300,
        400,
    ),
    Case(
        "init-containers-below-the-containers-count-nothing",
        pod("p", APP, initContainers=[init("90Mi", "190Mi", "a"), init("90Mi", "190Mi", "b")]),
        100,
        200,
    ),
    Case(
        "a-sidecar-is-added-to-the-containers",
        pod("p", APP, initContainers=[sidecar("30Mi", "40Mi", "s")]),
        130,
        240,
    ),
    Case(
        "a-sidecar-is-added-to-the-init-containers-after-it-but-not-before-it",
        pod(
            "p",
            APP,
            initContainers=[init("310Mi", "400Mi", "a"), sidecar("30Mi", "40Mi", "s"), init("300Mi", "300Mi", "b")],
        ),
        330,
        400,
    ),
    Case(
        "a-sidecar-without-a-limit-fills-in-its-request",
        pod("p", APP, initContainers=[sidecar("30Mi", None, "s")]),
        130,
        230,
    ),
    Case("overhead-is-added-to-both", pod("p", APP, runtimeClassName=SANDBOX), 164, 264),
    Case(
        "overhead-is-added-to-the-peak-of-the-init-containers",
        pod("p", APP, initContainers=[init("300Mi", "300Mi", "a")], runtimeClassName=SANDBOX),
        364,
        364,
    ),
    Case("the-pods-own-resources-replace-the-sum", pod("p", APP, SECOND, resources=memory("500Mi", "600Mi")), 500, 600),
    Case(
        "the-pods-own-limit-bounds-containers-without-one",
        pod("p", container("100Mi"), container(None, None, "other"), resources=memory("120Mi", "600Mi")),
        120,
        600,
    ),
    Case(
        "the-pods-own-resources-and-overhead",
        pod("p", APP, resources=memory("500Mi", "600Mi"), runtimeClassName=SANDBOX),
        564,
        664,
    ),
    Case(
        "every-notation-of-a-quantity",
        pod("p", container("1e6", "0.5Gi", "a"), container("128974848000m", "1G", "b")),
        (10**6 + 128_974_848) / MI,
        512 + 10**9 / MI,
    ),
]


@pytest.fixture(scope="module", autouse=True)
def sandbox(cluster: Cluster) -> Iterator[None]:
    """A runtime that costs 64Mi for each pod."""
    overhead = {"podFixed": {"memory": "64Mi"}}
    cluster.api.create(CLASSES, {"metadata": {"name": SANDBOX}, "handler": "none", "overhead": overhead})
    yield
    cluster.api.delete(f"{CLASSES}/{SANDBOX}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_pod_counts_as_kubernetes_counts_it(story: Story, case: Case) -> None:
    story.headroom.configure({"requests": "1000%", "limits": "1000%"})
    before = story.headroom.account()
    story.create(case.pod)
    after = story.headroom.account()
    counted = after.requests - before.requests, after.limits - before.limits
    assert counted == (case.requests * MI, case.limits * MI)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_review_asks_for_what_the_account_will_count(story: Story, case: Case) -> None:
    """A refusal is judged on the review's pod, the account is kept from the watch's: both must come to the same."""
    story.headroom.configure({"requests": "100%", "limits": "200%"})
    account = story.headroom.account()
    requests, limits = account.free_requests - int(case.requests * MI), account.free_limits - int(case.limits * MI)
    story.create(asking("rest", requests, limits))
    story.create(case.pod)
    left = story.headroom.account()
    assert (left.free_requests, left.free_limits) == (0, 0)
    if case.limits:
        story.delete("p")
        assert story.headroom.account().free_limits == case.limits * MI
        story.create(asking("byte", 1, 1))
        story.refused_for(1, case.pod, "limits")
