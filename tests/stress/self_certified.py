"""Replicas that look after their certificate themselves, installed from nothing but the manifests."""

import json
import os
import re
import sys
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from certs.keyring import Keyring, read
from devcluster import gate
from devcluster.api import ApiError, Object
from devcluster.cluster import Cluster
from devcluster.components import LOOPBACK
from devcluster.processes import until
from devcluster.replica import Replica
from devcluster.replicas import ACCOUNT, NAMESPACE, Replicas
from tests.e2e.headroom import GATE, forget
from tests.stress.scene import LAUNCH, Scene
from webhook.controllers.keyring_store import ANNOTATION

SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/headroom-certificate"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/headroom"
_SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
_SECONDS = 60.0


class SelfCertified(Replicas):
    """As `Replicas`, but nobody makes a certificate: Headroom makes it, and writes bundle and path into the gate."""

    def __init__(self, cluster: Cluster, work: Path, count: int, serve: Sequence[str | Path]) -> None:
        super().__init__(cluster, work, count, serve=serve)
        self._overlay = work / "overlay"

    def _common_flags(self) -> list[str | Path]:
        own: list[str | Path] = ["--certificates", "self", "--tls-name", LOOPBACK]
        return [*own, "--kubeconfig", self._kubeconfig, "--namespace", NAMESPACE]

    def start(self) -> None:
        """Start everything; return once the API server has got an answer by what Headroom wrote into the gate."""
        try:
            forget_certificates(self.cluster)
            self._write_overlay()
            closed = gate.apply_all_but_the_gate(self.cluster, self._overlay)
            self.cluster.service_account_kubeconfig(NAMESPACE, ACCOUNT, self._kubeconfig)
            for replica in self.replicas:
                self.cluster.api.apply(f"{_SLICES}/headroom-{replica.number}", _slice(replica))
                replica.start()
            for replica in self.replicas:
                replica.wait()
            self._start_balancer()
            self.cluster.api.apply(GATE, _led_to(closed, self.url))
            until(self._is_asked, "an answer of Headroom by its own certificate", _SECONDS)
        except BaseException:
            self.stop()
            raise

    def keyring(self) -> Keyring:
        """Return what the Secret holds."""
        return read({key: b64decode(value) for key, value in self.cluster.api.get(SECRET)["data"].items()})

    def ask(self, text: str) -> None:
        """Ask for a rotation."""
        self.cluster.api.patch(SECRET, {"metadata": {"annotations": {ANNOTATION: text}}})

    def asked(self) -> bool:
        """Say whether a request has not been taken up yet."""
        return ANNOTATION in (self.cluster.api.get(SECRET)["metadata"].get("annotations") or {})

    def holder(self) -> Replica | None:
        """Return the replica that holds the Lease."""
        name = self.cluster.api.get(LEASE)["spec"].get("holderIdentity")
        return next((each for each in self.replicas if _names(each)[-1:] == [name]), None)

    def _write_overlay(self) -> None:
        self._overlay.mkdir(exist_ok=True)
        manifests = gate.BASE.parent
        overlay = {
            "resources": [os.path.relpath(gate.BASE, self._overlay)],
            "components": [os.path.relpath(manifests / "components" / "self-certs", self._overlay)],
        }
        (self._overlay / "kustomization.yaml").write_text(yaml.safe_dump(overlay))

    def _is_asked(self) -> bool:
        before = gate.reviews(self.cluster.api)
        try:
            self.cluster.api.create("/api/v1/namespaces/default/pods", POD, dryRun="All")
        except ApiError:
            return False
        return gate.reviews(self.cluster.api) > before


@contextmanager
def self_certified(place: Scene, work: Path, *flags: str) -> Iterator[SelfCertified]:
    """Run two replicas for the cluster, as if Headroom had never been installed in it before."""
    forget(place.plane)
    with SelfCertified(place.plane, work, 2, [sys.executable, LAUNCH, *flags]) as replicas:
        yield replicas
    for replica in replicas:
        assert "Traceback" not in replica.log.read_text()


POD: Object = {"metadata": {"generateName": "headroom-"}, "spec": {"containers": [{"name": "none", "image": "none"}]}}


def forget_certificates(cluster: Cluster) -> None:
    """Delete Secret and Lease, as if the cluster never had them."""
    for path in (SECRET, LEASE):
        try:
            cluster.api.delete(path)
        except ApiError as error:
            if error.code != 404:
                raise


def _names(replica: Replica) -> list[str]:
    return re.findall(r"replica ([0-9a-f]{8}) starts", replica.log.read_text()) if replica.log.exists() else []


def _slice(replica: Replica) -> Object:
    """Return the EndpointSlice of a replica. As a name, loopback's address is allowed there."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"headroom-{replica.number}",
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": "headroom"},
        },
        "addressType": "FQDN",
        "endpoints": [{"addresses": [LOOPBACK], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": replica.port, "protocol": "TCP"}],
    }


def _led_to(closed: Object, url: str) -> Object:
    """The same gate with a URL in place of a Service; Headroom writes bundle and path."""
    webhooks: list[Any] = [each | {"clientConfig": {"url": url}} for each in closed["webhooks"]]
    assert not [each for each in webhooks if "caBundle" in json.dumps(each)]
    return closed | {"webhooks": webhooks}


def is_rotated(replicas: SelfCertified, seconds: float = 240.0) -> None:
    """Wait until the rotation that was asked for has ended; the write that removes the request begins it."""
    until(lambda: not replicas.asked() and replicas.keyring().step == "steady", "the rotation's end", seconds)


def is_seen_in(replicas: SelfCertified, step: str, request: str, seconds: float = 240.0) -> None:
    """Ask for a rotation until one is seen in a step: a step may last a second, and be over before it is looked at."""

    def is_seen() -> bool:
        if not replicas.asked() and replicas.keyring().step == "steady":
            replicas.ask(request)
        return replicas.keyring().step == step

    until(is_seen, f"a rotation in the step {step}", seconds)
