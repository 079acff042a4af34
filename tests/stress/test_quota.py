"""Tenants whose quota refuses their pods take no room from anybody else: two replicas, and somebody else's probes."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from devcluster import namespaces, nodes
from devcluster.api import Api, ApiError, Object, timed_out
from devcluster.processes import until
from devcluster.replicas import Replicas
from tests.e2e import kubelet
from tests.e2e.headroom import document
from tests.e2e.pods import asking
from tests.e2e.probes import Probes
from tests.e2e.story import LATE
from tests.stress.scene import SHIPPED, Scene, audited, configure, shown

pytestmark = pytest.mark.live

ROOMY = ("node-10", "node-11")  # of 8Gi each: with the scene's own nodes 24Gi, of which 18Gi may be requested
BOUND = 18 << 30
BOUNDED = r'headroom_scope_memory_requests_bound_bytes\{scope="cluster"\}'
RESERVED = r'headroom_reserved_memory_bytes\{scope="cluster"\}'
QUOTAS = "headroom_quotas"
SECONDS = 60.0
LEAST = 12.0  # seconds that a short run takes: several tries of each tenant
DEMANDING = {"limits.cpu": "64", "requests.memory": "64Gi"}
SMALL = {"requests.memory": "2Gi"}


class Tenant:
    """What somebody does in a namespace of their own that has a quota."""

    hard: Mapping[str, str] = DEMANDING
    every = 2.0  # seconds between two tries

    def __init__(self, api: Api, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self.core = f"/api/v1/namespaces/{namespace}"

    def prepare(self) -> None:
        """Do what is done once."""

    def act(self, number: int) -> None:
        """Try again."""


class OneDeployment(Tenant):
    """One replica of 1.5Gi without the limit that the quota demands; each retry has a new name."""

    def prepare(self) -> None:
        """Apply it."""
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": asking("", "1536Mi")["spec"]}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        self.api.create(f"/apis/apps/v1/namespaces/{self.namespace}/deployments", _named("web", spec))


class SomeJobs(Tenant):
    """A new Job of eight pods every two seconds."""

    def act(self, number: int) -> None:
        """Create one."""
        template = {"spec": asking("", "2Gi")["spec"] | {"restartPolicy": "Never"}}
        spec = {"parallelism": 8, "completions": 8, "template": template}
        jobs = f"/apis/batch/v1/namespaces/{self.namespace}/jobs"
        timed_out(lambda: self.api.create(jobs, _named(f"job-{number}", spec)))


class LargePods(Tenant):
    """A pod as large as the bound, which the quota has no room for."""

    hard = SMALL
    every = 10.0

    def act(self, number: int) -> None:
        """Try to create one."""
        _refused(lambda: self.api.create(f"{self.core}/pods", asking(f"large-{number}", BOUND)))


class LargePodsThatAreWarnedOf(LargePods):
    """The same where policy lets everything in with a warning (`mode: warn`)."""

    every = 5.0


class LargeResizes(Tenant):
    """Two running pods that want almost all of their nodes: more than that is refused before Headroom is asked."""

    hard = SMALL

    def prepare(self) -> None:
        """Have them run."""
        for name in ROOMY:
            self.api.create(f"{self.core}/pods", asking(name, "1Gi", nodeName=name))
            kubelet.started(self.api, f"{self.core}/pods/{name}")

    def act(self, number: int) -> None:
        """Try to resize each."""
        size = {"requests": {"memory": str((7 << 30) + number)}}
        wanted = {"spec": {"containers": [{"name": "main", "resources": size}]}}
        for name in ROOMY:
            _refused(partial(self.api.patch, f"{self.core}/pods/{name}/resize", wanted, "strategic"))


TENANTS: list[type[Tenant]] = [OneDeployment, SomeJobs, LargePods, LargePodsThatAreWarnedOf, LargeResizes]


def _named(name: str, spec: Object) -> Object:
    return {"metadata": {"name": name}, "spec": spec}


def _refused(ask: Callable[[], object]) -> None:
    try:
        given_up = timed_out(ask)  # as a busy API server may
    except ApiError as error:
        assert LATE in error.message or "quota: q" in error.message, error  # noqa: PT017 - anything else is another test's
    else:
        assert given_up, "the quota let it in"


@contextmanager
def acting(tenants: Sequence[Tenant]) -> Iterator[None]:
    """Have all of them act while `with` lasts, each in its own time; an error of one comes out at the end."""
    stop = Event()
    faults: list[BaseException] = []

    def run(tenant: Tenant) -> None:
        number = 0
        try:
            while not stop.is_set():
                tenant.act(number)
                number += 1
                stop.wait(tenant.every)
        except BaseException as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    threads = [Thread(target=run, args=(each,), daemon=True) for each in tenants]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if faults:
        raise faults[0]


def settled(api: Api, replicas: Replicas) -> bool:
    """Whether every replica sees the nodes and all quotas; those of namespaces that are being deleted go meanwhile."""
    quotas = api.items("/api/v1/resourcequotas")
    known = all(set(each.get("status", {}).get("hard", {})) == set(each["spec"]["hard"]) for each in quotas)
    return known and all(shown(each, BOUNDED) == BOUND and shown(each, QUOTAS) == len(quotas) for each in replicas)


def heard(replicas: Replicas, namespace: str) -> bool:
    """Whether a replica said what a quota would say."""
    return any(line["reason"] == "QuotaExceeded" for line in audited(replicas, namespace))


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(TENANTS, id="all-at-once"),
        *(pytest.param([kind], id=kind.__name__, marks=pytest.mark.slow) for kind in TENANTS),
    ],
)
def test_what_a_quota_refuses_never_keeps_anybody_else_out(
    controlled: Scene, work: Path, full: bool, kinds: list[type[Tenant]]
) -> None:
    api = controlled.plane.api
    nodes.add(controlled.plane, len(ROOMY), nodes.Shape(memory="8Gi"), first=10)
    with ExitStack() as stack:
        tenants = [kind(api, stack.enter_context(namespaces.temporary(controlled.plane))) for kind in kinds]
        replicas = stack.enter_context(controlled.guarded(work, 2, SHIPPED))
        warned = [each.namespace for each in tenants if isinstance(each, LargePodsThatAreWarnedOf)] or ["nobody"]
        warning = [{"namespaces": warned, "mode": "warn"}]
        configure(controlled.plane, replicas, document({"requests": "75%"}, overrides=warning))
        for each in tenants:
            api.create(f"{each.core}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": dict(each.hard)}})
            each.prepare()
        until(lambda: settled(api, replicas), "a view of the quotas", SECONDS)
        with Probes(api, controlled.namespace) as probes, acting(tenants):
            time.sleep(120.0 if full else LEAST)
            for each in tenants:
                until(partial(heard, replicas, each.namespace), f"a word about {type(each).__name__}", SECONDS)
        print(probes)
        assert probes.refused == [], str(probes)
        # What a quota refuses would be held for the lapse of 45 s, and the last tries were 10 s ago at the most.
        until(lambda: not any(shown(each, RESERVED) for each in replicas), "nothing reserved", 30.0)
