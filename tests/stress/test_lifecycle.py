"""Headroom comes, changes and goes in each way that docs/install.md has, while somebody else creates pods.

The API server, its controllers and Helm are real, and so are Headroom's processes, with certificates of their own; the
kubelet is simulated (`process_pods.py`).
"""

import base64
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import pytest

from devcluster import gate, namespaces, nodes
from devcluster.api import ApiError, Object
from devcluster.controlplane import ControlPlane
from devcluster.helm import Helm
from devcluster.processes import until
from tests.docs.egress import Egress
from tests.packaging.chart import CHART
from tests.stress import inventory
from tests.stress.process_pods import Kubelet
from tests.stress.ways import NAMESPACE, Kustomize, Way, WithHelm

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

GATE = f"{gate.CONFIGURATIONS}/{gate.NAME}"
EVERY_SECONDS = 0.05
TOO_LARGE_EVERY = 10
ELSEWHERE = "memory"  # a node without Headroom's pods
CREATED, REFUSED, FAILED = "created", "refused", "failed"
SECONDS = 120.0
HURRY = 5.0  # in a short run, a --shutdown-delay of 10 s takes 2
SETTLE_SECONDS = 1.0
WAYS = ("kustomize", *(pytest.param(name, marks=pytest.mark.slow) for name in ("helm3", "helm4")))


class Answer(NamedTuple):
    """What one create came to: its outcome, the text if it was not created, and during which step."""

    outcome: str
    text: str
    step: str


class Client:
    """Somebody who creates a pod every 50 ms in a namespace of their own; every tenth is too large for any cluster."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.answers: list[Answer] = []
        self.step = "before"
        self._plane = plane
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._over = Event()

    @contextmanager
    def running(self) -> Iterator["Client"]:
        """Create pods until the block ends."""
        thread = Thread(target=self._create, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join(60)

    def count(self, step: str | None = None) -> Counter[str]:
        """Count the outcomes, of one step or of all."""
        return Counter(each.outcome for each in self.answers if step in {None, each.step})

    def failures(self) -> list[Answer]:
        """Return the answers that nobody should get."""
        return [each for each in self.answers if each.outcome == FAILED]

    def _create(self) -> None:
        number, due = 0, time.monotonic()
        while not self._over.is_set():
            number, step = number + 1, self.step
            memory = "100Ti" if number % TOO_LARGE_EVERY == 0 else "1Mi"
            self.answers.append(Answer(*self._one(f"p{number}", memory), step))
            due = max(due + EVERY_SECONDS, time.monotonic() - 1.0)
            self._over.wait(max(0.0, due - time.monotonic()))

    def _one(self, name: str, memory: str) -> tuple[str, str]:
        container = {"name": "c", "image": "none", "resources": {"requests": {"memory": memory}}}
        there = {"nodeSelector": {"kubernetes.io/hostname": ELSEWHERE}, "tolerations": [{"operator": "Exists"}]}
        spec = {"containers": [container], **there, "terminationGracePeriodSeconds": 0}
        try:
            self._plane.api.create(self._pods, {"metadata": {"name": name}, "spec": spec})
            self._plane.api.delete_now(f"{self._pods}/{name}")
        except ApiError as error:
            refused = error.code == 403 and "exceeds the cluster's" in error.message
            return (REFUSED if refused else FAILED), str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the create has failed
            return FAILED, repr(error)
        return CREATED, ""


class Site(NamedTuple):
    """A cluster without Headroom, and what runs its pods."""

    plane: ControlPlane
    kubelet: Kubelet


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, full: bool) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("site")
    egress = Egress(tmp_path_factory.mktemp("e"))
    # The API server itself finds a Service's pods, as it does where an agent leads it into the pod network.
    flags = (*egress.flags, "--enable-aggregator-routing=true")
    try:
        with ControlPlane(work / "plane", apiserver_flags=flags) as plane:
            nodes.add_one(
                plane, ELSEWHERE, nodes.Shape(memory="64Gi", taints=[{"key": "full", "effect": "NoSchedule"}])
            )
            with Kubelet(plane, egress, work / "pods", hurry=1.0 if full else HURRY).running() as kubelet:
                yield Site(plane, kubelet)
    finally:
        egress.stop()


@pytest.fixture
def way(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Iterator[Way]:
    name: str = request.param
    plane = site.plane
    if name == "kustomize":
        yield Kustomize(plane, tmp_path / "mine")
    else:
        yield WithHelm(plane, Helm(int(name[-1]), tmp_path / "helm"))
    gate.open_again(plane)
    for path in left_behind(plane):  # by a test that has failed
        plane.api.delete(path)
    if plane.api.exists(f"/api/v1/namespaces/{NAMESPACE}"):  # Helm leaves it
        namespaces.remove(plane, NAMESPACE)
    until(lambda: not plane.api.exists(f"/api/v1/namespaces/{NAMESPACE}"), "the end of the namespace", SECONDS)


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_it_is_installed_changed_and_removed_and_no_create_fails(site: Site, way: Way) -> None:
    plane = site.plane
    with namespaces.temporary(plane) as elsewhere, Client(plane, elsewhere).running() as client:
        before = inventory.listed(plane.api, without=elsewhere)
        client.step = "install"
        way.install()
        rolled_out(site)
        until(lambda: reviewed(plane) > 0, "the first review", SECONDS)
        client.step = "enforce"
        way.enforce()
        rolled_out(site)
        until(lambda: client.count("enforce")[REFUSED] > 0, "the first refusal", SECONDS)
        if isinstance(way, WithHelm):
            assert "Phase:          Succeeded" in way.ask()
        asked = written(plane)
        for step, act in (("change", way.change), ("back", way.back)):
            client.step = step
            act()
            rolled_out(site)
            time.sleep(SETTLE_SECONDS)
            assert written(plane) == asked, f"{way} has overwritten what Headroom wrote into the gate"
        client.step = "remove"
        way.remove()
        assert not plane.api.exists(GATE)
        until(lambda: not own_pods(plane), "the end of Headroom's pods", SECONDS)
        client.step = "after"
        if isinstance(way, WithHelm):  # which leaves the namespace, with what Headroom made in it
            nothing_left(plane, before, elsewhere, but=NAMESPACE)
            namespaces.remove(plane, NAMESPACE)
        nothing_left(plane, before, elsewhere)
        time.sleep(SETTLE_SECONDS)
    print(
        f"{way}:",
        {step: dict(client.count(step)) for step in ("install", "enforce", "change", "back", "remove", "after")},
    )
    assert client.failures() == []
    for step in ("enforce", "change", "back"):
        assert client.count(step)[CREATED] > 0
    assert client.count("change")[REFUSED] > 0
    assert client.count("install")[REFUSED] == client.count("after")[REFUSED] == 0


@pytest.mark.parametrize("way", ["helm3", "helm4"], indirect=True)
def test_a_bundle_that_somebody_else_writes_stays(site: Site, way: Way) -> None:
    """As with cert-manager, whose cainjector writes it. No pod runs here, because there is no Secret."""
    assert isinstance(way, WithHelm)
    chart = (CHART, "--set=certificates=files")
    way.run("install", "headroom", *chart, "--create-namespace")
    changes = (
        ("upgrade", "headroom", *chart, "--set=image.tag=next"),
        ("upgrade", "headroom", *chart, "--set=gate.excludedNamespaces={calico-system}"),
        ("rollback", "headroom", "1"),
    )
    for number, change in enumerate(changes):
        bundle = inject(site.plane, f"bundle {number}")
        way.run(*change)
        entries = site.plane.api.get(GATE)["webhooks"]
        assert {each["clientConfig"]["caBundle"] for each in entries} == {bundle}, change
        (excluded,) = entries[0]["namespaceSelector"]["matchExpressions"]
        assert ("calico-system" in excluded["values"]) is (number == 1)
    way.remove()
    assert not site.plane.api.exists(GATE)
    assert left_behind(site.plane) == []


def inject(plane: ControlPlane, text: str) -> str:
    """Write a bundle into each entry, as an injector does: an update of the whole object under its own name."""
    bundle = base64.b64encode(text.encode()).decode()
    found = plane.api.get(GATE)
    for each in found["webhooks"]:
        each["clientConfig"]["caBundle"] = bundle
    plane.api.replace(GATE, found, fieldManager="cert-manager-cainjector")
    return bundle


def written(plane: ControlPlane) -> Object:
    """Return the gate's entries as they are, and how often they were changed: a change for a moment counts as well."""
    found = plane.api.get(GATE)
    assert all(each["clientConfig"]["caBundle"] for each in found["webhooks"])
    return {"webhooks": found["webhooks"], "generation": found["metadata"]["generation"]}


def rolled_out(site: Site) -> None:
    rollout = ("rollout", "status", "deployment/headroom", f"--timeout={SECONDS:.0f}s")
    done = site.plane.kubectl("-n", NAMESPACE, *rollout, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{site.kubelet.failures}\n{site.kubelet.said()}"


def reviewed(plane: ControlPlane) -> int:
    return gate.reviews(plane.api)


def own_pods(plane: ControlPlane) -> list[Object]:
    return plane.api.items(f"/api/v1/namespaces/{NAMESPACE}/pods")


def nothing_left(plane: ControlPlane, before: set[str], elsewhere: str, *, but: str = "") -> None:
    """Return once the cluster has no object that it did not have before; controllers delete some of them later.

    The namespace `but` may be left, with what is in it.
    """
    deadline = time.monotonic() + SECONDS
    while True:
        left = inventory.listed(plane.api, without=elsewhere) - before
        left -= inventory.within(but, left)
        if not left:
            return
        assert time.monotonic() < deadline, f"left behind: {sorted(left)}"
        time.sleep(0.2)


def left_behind(plane: ControlPlane) -> list[str]:
    """Return what still bears Headroom's name outside of its namespace."""
    paths = (
        gate.CONFIGURATIONS,
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
    )
    return [
        f"{path}/{each['metadata']['name']}"
        for path in paths
        for each in plane.api.items(path)
        if each["metadata"]["name"].startswith("headroom")
    ]
