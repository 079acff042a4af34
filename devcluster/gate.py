"""Applies Headroom's manifests for a local run: those of devcluster/manifests, with the gate led to loopback.

The gate is the ValidatingWebhookConfiguration. Once it is closed, the API server asks Headroom about every new pod.
"""

import base64
import json
import re
import time
from pathlib import Path

import yaml

from devcluster.api import Api, ApiError, Object
from devcluster.cluster import Cluster
from devcluster.processes import POLL_SECONDS, NotReadyError

BASE = Path(__file__).parents[1] / "manifests" / "base"
LOCAL = Path(__file__).with_name("manifests")
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
NAME = "headroom"
GATE = "ValidatingWebhookConfiguration"
# The API server's own metric, with its labels in alphabetical order.
ANSWERED = r'^apiserver_admission_webhook_request_total\{code="[234]\d\d",name="pods\.headroom\.internal",.*\} (\S+)$'
TAKES_EFFECT_SECONDS = 60.0


def apply_all_but_the_gate(cluster: Cluster, manifests: Path = LOCAL) -> Object:
    """Apply namespace, service account, RBAC and configuration; return the unchanged gate, for `close`."""
    objects: list[Object] = list(yaml.safe_load_all(cluster.kubectl("kustomize", manifests).stdout))
    (gate,) = [each for each in objects if each["kind"] == GATE]
    rest = {"apiVersion": "v1", "kind": "List", "items": [each for each in objects if each is not gate]}
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(rest))
    return gate


def close(cluster: Cluster, gate: Object, url: str, ca_file: Path) -> None:
    """Make the API server ask `url` about new pods; return once it has got an answer from there."""
    led = led_to(gate, url, ca_file)
    cluster.api.apply(f"{CONFIGURATIONS}/{led['metadata']['name']}", led)
    before = reviews(cluster.api)
    deadline = time.monotonic() + TAKES_EFFECT_SECONDS
    said = "it created the pod without asking"
    while time.monotonic() < deadline:
        try:
            _create_for_show(cluster)
        except ApiError as error:
            said = error.message
        if reviews(cluster.api) > before:
            return
        time.sleep(POLL_SECONDS)
    raise NotReadyError(f"the API server does not get an answer from {url}; the last it said was: {said}")


def led_to(gate: Object, url: str, ca_file: Path) -> Object:
    """The same gate with a URL in place of a Service."""
    bundle = base64.b64encode(ca_file.read_bytes()).decode()
    webhooks = [
        each | {"clientConfig": {"url": url + each["clientConfig"]["service"]["path"], "caBundle": bundle}}
        for each in gate["webhooks"]
    ]
    return gate | {"webhooks": webhooks}


def is_closed(cluster: Cluster) -> bool:
    """Whether the gate is in the cluster, so that the API server asks Headroom."""
    return cluster.api.exists(f"{CONFIGURATIONS}/{NAME}")


def open_again(cluster: Cluster) -> None:
    """Delete the gate, so that the API server admits pods without asking Headroom; does nothing if there is none."""
    if is_closed(cluster):
        cluster.api.delete(f"{CONFIGURATIONS}/{NAME}")


def reviews(api: Api) -> int:
    """How many answers the API server has got from Headroom since its start, whether it allowed or refused.

    The metric also counts calls that failed, but with a status of 500 or above, or 0; they are left out.
    """
    counted = re.findall(ANSWERED, api.text("/metrics"), re.MULTILINE)
    return sum(int(float(count)) for count in counted)


def _create_for_show(cluster: Cluster) -> None:
    """Create a pod as a dry run: the API server asks the webhook and stores nothing.

    The pod requests no memory, so no bound is in its way.
    """
    pod = {"metadata": {"generateName": "headroom-"}, "spec": {"containers": [{"name": "none", "image": "none"}]}}
    cluster.api.create("/api/v1/namespaces/default/pods", pod, dryRun="All")
