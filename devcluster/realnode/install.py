"""Headroom on real nodes as it ships: `kubectl apply -k` of two overlays, and nothing made by hand before."""

import json
from pathlib import Path
from typing import Final

from devcluster.api import Object
from devcluster.cluster import Cluster
from devcluster.image.build import CHECKOUT
from devcluster.processes import until

TRY: Final = CHECKOUT / "manifests" / "overlays" / "try"
PRODUCTION: Final = CHECKOUT / "manifests" / "overlays" / "production"
NAMESPACE: Final = "headroom-system"
PODS: Final = f"/api/v1/namespaces/{NAMESPACE}/pods"
REFUSED: Final = 'admission webhook "pods.headroom.internal" denied the request: '
SECONDS: Final = 600.0


def apply(cluster: Cluster, overlay: Path) -> str:
    """Apply an overlay as it is, and wait until its Deployment is rolled out; return what kubectl said."""
    said = cluster.kubectl("apply", "-k", overlay).stdout
    rolled_out(cluster)
    return said


def rolled_out(cluster: Cluster) -> None:
    """Wait until all replicas are ready, and none of an earlier template is left."""
    wait = f"--timeout={SECONDS:.0f}s"
    cluster.kubectl("rollout", "status", "deployment/headroom", f"--namespace={NAMESPACE}", wait)


def replicas(cluster: Cluster) -> list[Object]:
    """The pods of Headroom that are not ending."""
    found = cluster.api.items(PODS, labelSelector="app.kubernetes.io/name=headroom")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def refusal(cluster: Cluster, pod: Object) -> str:
    """Create a pod by kubectl; return Headroom's refusal, or an empty string if the pod was let in."""
    done = cluster.kubectl("create", "-f", "-", input=json.dumps(pod), check=False)
    if done.returncode == 0:
        return ""
    if REFUSED not in done.stderr:
        raise RuntimeError(f"the pod was not created, but not by Headroom: {done.stderr.strip()}")
    return done.stderr.partition(REFUSED)[2].strip()


def wait_until_enforced(cluster: Cluster, pod: Object) -> str:
    """Ask for that pod, as a dry run, until it is refused: every replica reads an edit within a second."""
    said = ""

    def refused() -> bool:
        nonlocal said
        done = cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(pod), check=False)
        said = done.stderr.partition(REFUSED)[2].strip()
        return bool(said)

    until(refused, "the refusal of a pod that does not fit", SECONDS)
    return said
