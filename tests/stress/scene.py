"""The scene of a storm: a control plane, two nodes, a namespace, and as many replicas as the storm needs."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import urllib3

from devcluster import gate, kubeconfig, namespaces, nodes
from devcluster.api import Object, timed_out
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from devcluster.replica import Replica
from devcluster.replicas import ACCOUNT, NAMESPACE, Replicas
from tests.e2e.headroom import CONFIG, forget
from tests.stress.clients import pod
from tests.stress.figures import MI
from tests.stress.proxy import Proxy
from tests.stress.wire import Server
from tests.stress.witness import ENDED, holdings
from webhook.core.config.parse import parse
from webhook.core.config.render import digest

# The API server gives each create this long, so that a lapse of a little more is as safe as 45 s are in production.
REQUEST_SECONDS = 8
APISERVER = (f"--request-timeout={REQUEST_SECONDS}s",)

NODES = 2
NODE_MEMORY = 4096 * MI
BOUND = NODES * NODE_MEMORY * 75 // 100  # with the shipped configuration
POD = 64 * MI
PODS = BOUND // POD  # 96, without a remainder

SETTLE_SECONDS = 60.0
OVERTAXED = ("in the time allotted", "Please retry")  # what kubectl says of an API server that had to give up
COMMITTED = r'headroom_scope_memory_requests_bytes\{scope="cluster"\}'
WRITES = r'headroom_booking_writes_total\{outcome="written"\}'
REVIEWS = r"headroom_admission_reviews_total\{.*\}"
RESERVED = r"headroom_reservations\{.*\}"
LIVE = r"headroom_live_pods"
LAUNCH = Path(__file__).with_name("launch.py")


class Times(NamedTuple):
    """The protocol's times in seconds; webhook/ has the shipped ones."""

    validity: float
    lapse: float
    renew: float

    @property
    def flags(self) -> Sequence[str]:
        """Return the times as flags of the launcher (launch.py)."""
        return [f"--{name}={value}" for name, value in self._asdict().items()]


SHIPPED = Times(15.0, 45.0, 5.0)
# For storms that wait for a silent replica to be expired.
SHORT = Times(5.0, 10.0, 1.5)
# For storms that only wait for a lapse. A replica must not fall silent because a busy machine stops it for a moment, so
# it may be silent for as long as shipped.
STEADY = Times(SHIPPED.validity, SHORT.lapse, SHORT.renew)


class Scene:
    """One control plane and one namespace in it."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane, self.namespace = plane, namespace
        self.server = Server(plane.url, plane.ca_file, plane.admin_token)
        self.pods = f"/api/v1/namespaces/{namespace}/pods"

    @contextmanager
    def guarded(
        self,
        work: Path,
        count: int,
        times: Times = STEADY,
        *,
        fault: str | None = None,
        flags: Sequence[str | Path] = (),
        serve: Sequence[str | Path] | None = None,
        manifests: Path = gate.LOCAL,
        shutdown_delay: float = 0.0,
        look_seconds: float = 0.1,
    ) -> Iterator[Replicas]:
        """Run `count` replicas for the cluster, as if Headroom had never been installed in it before.

        With `serve`, they are another program than this checkout's, which has the shipped times and no fault.
        """
        forget(self.plane)
        with Replicas(
            self.plane,
            work,
            count,
            serve=[*(serve or _serve(times, fault)), *flags],
            manifests=manifests,
            shutdown_delay=shutdown_delay,
            look_seconds=look_seconds,
        ) as replicas:
            yield replicas
            if fault is None:
                self.check(replicas)

    @contextmanager
    def proxied(
        self, work: Path, count: int, times: Times, *, fault: str | None = None
    ) -> Iterator[tuple[Replicas, list[Proxy]]]:
        """Run replicas as `guarded` does, each with a proxy between it and the API server."""
        forget(self.plane)
        work.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            proxies = [stack.enter_context(Proxy(self.server)) for _ in range(count)]
            replicas = Replicas(self.plane, work, count, serve=_serve(times, fault))
            for number, (replica, proxy) in enumerate(zip(replicas, proxies, strict=True)):
                path = work / f"proxied-{number}.kubeconfig"
                kubeconfig.write(path, {"server": proxy.url}, user=ACCOUNT, token=self._token())
                replica._serve = [*replica._serve, "--kubeconfig", path]  # the last flag counts
            yield stack.enter_context(replicas), proxies
            if fault is None:
                self.check(replicas)

    def ask_only(self, replica: Replica) -> None:
        """Point the webhook at one replica instead of the balancer, and wait until the API server follows."""
        path = f"{gate.CONFIGURATIONS}/{gate.NAME}"
        configuration = self.plane.api.get(path)
        for webhook in configuration["webhooks"]:
            webhook["clientConfig"]["url"] = f"{replica.url}/{webhook['clientConfig']['url'].rpartition('/')[2]}"
        self.plane.api.replace(path, configuration)
        before = shown(replica, REVIEWS)
        until(lambda: self._asks(replica, before), f"a review for replica {replica.number}", SETTLE_SECONDS)

    def _asks(self, replica: Replica, before: int) -> bool:
        self.plane.api.create(self.pods, pod("for-show", 0), dryRun="All")
        return shown(replica, REVIEWS) > before

    def check(self, replicas: Replicas) -> None:
        """Check that no replica's log shows an unforeseen error, and that each counts exactly the pods that exist."""
        held = sum(holdings(self.server.get("/api/v1/pods")["items"]).values())
        for replica in replicas:
            log = replica.log.read_text()
            assert "Traceback" not in log, log
            assert "drifted" not in log, log
            what = f"an account of {held} by replica {replica.number}"
            until(partial(accounts_for, replica, held), what, SETTLE_SECONDS)

    @contextmanager
    def standstill(self) -> Iterator[None]:
        """Stop etcd's process during the block; it carries out the requests that it got once it continues."""
        os.killpg(self.plane.pid("etcd"), signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.plane.pid("etcd"), signal.SIGCONT)

    def clear(self) -> None:
        """Delete all pods of the namespace. A busy API server may need more than one request for many of them."""
        until(lambda: not timed_out(lambda: self.plane.api.delete_now(self.pods)), "the deletion", SETTLE_SECONDS)

    def _token(self) -> str:
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
        token: str = self.plane.api.create(path, {"spec": {}})["status"]["token"]
        return token


@contextmanager
def scene(plane: ControlPlane) -> Iterator[Scene]:
    """Prepare a control plane for one storm, and clean up afterwards."""
    until(lambda: _applied(plane), "Headroom's objects", 2 * SETTLE_SECONDS)
    try:
        nodes.add(plane, NODES, nodes.Shape(memory=f"{NODE_MEMORY // MI}Mi"))
        with namespaces.temporary(plane) as namespace:
            yield Scene(plane, namespace)
    finally:
        nodes.remove_all(plane)


def _applied(plane: ControlPlane) -> bool:
    """Apply Headroom's objects; False if that takes a busy API server longer than it has for a request."""
    try:
        gate.apply_all_but_the_gate(plane)
    except RuntimeError as error:
        if not any(sign in str(error) for sign in OVERTAXED):
            raise
        return False
    return True


def accounts_for(replica: Replica, held: int) -> bool:
    """Say whether a replica counts exactly `held` bytes as committed."""
    return shown(replica, COMMITTED) == held


def settle(replicas: Replicas, held: int) -> None:
    """Wait until each replica counts exactly `held` bytes, and holds room for nothing that is still to come or told."""
    what = f"an account of {held} by all replicas"
    until(lambda: all(accounts_for(each, held) and not shown(each, RESERVED) for each in replicas), what, 120)


def sees_all_pods(place: Scene, replicas: Replicas) -> bool:
    """Say whether each replica counts as many pods as live in the cluster."""
    live = sum(pod["status"].get("phase") not in ENDED for pod in place.plane.api.items("/api/v1/pods"))
    return all(shown(each, LIVE) == live for each in replicas)


def audited(replicas: Replicas, namespace: str) -> list[Object]:
    """Return the audit lines of all replicas about a namespace, as far as they have been written."""
    files = [replica.audit_file for replica in replicas if replica.audit_file.exists()]
    texts = [file.read_text() for file in files]
    lines = [json.loads(line) for text in texts for line in text[: text.rfind("\n") + 1].splitlines()]
    return [line for line in lines if line.get("namespace") == namespace]


def refusals(replicas: Replicas, namespace: str, reason: str) -> int:
    """Return how many pods of a namespace replicas have refused for this reason.

    Clients cannot be asked: of all webhooks that refuse a pod, the API server names the one that answered first.
    """
    lines = audited(replicas, namespace)
    return sum(line["decision"] == "deny" and line["reason"] == reason and not line["dry_run"] for line in lines)


def shown(replica: Replica, sample: str) -> int:
    """Return the sum of the samples in a replica's metrics that match a pattern."""
    text = urllib3.request("GET", f"{replica.metrics_url}/metrics", retries=False).data.decode()
    return sum(int(float(value)) for value in re.findall(rf"^{sample} (\S+)$", text, re.MULTILINE))


def configure(plane: ControlPlane, replicas: Replicas, text: str) -> None:
    """Edit the configuration, and wait until every replica judges by it."""
    kind = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "headroom-config"}}
    plane.api.apply(CONFIG, {**kind, "data": {"config.yaml": text}})
    loaded = rf'headroom_config_info\{{[^}}]*hash="{digest(parse(text))}"[^}}]*\}}'
    until(lambda: all(shown(each, loaded) == 1 for each in replicas), "the configuration", SETTLE_SECONDS)


def _serve(times: Times, fault: str | None) -> list[str | Path]:
    return [sys.executable, LAUNCH, *times.flags, *([f"--fault={fault}"] if fault else [])]
