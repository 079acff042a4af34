"""Each right that the manifests give is used by a replica that runs, and without it that very request is refused.

The API server's audit log says what Headroom's account asks for while a replica does all that it can do. Then one right
after the other is taken away, and a request that needed it is sent again.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

import pytest
import urllib3
import yaml

from devcluster import gate, namespaces, nodes
from devcluster.api import Api, ApiError, Object
from devcluster.controlplane import ControlPlane
from devcluster.processes import NotReadyError, until
from devcluster.replicas import ACCOUNT, NAMESPACE, Replicas
from tests.e2e.conftest import local
from tests.e2e.pods import asking, container
from tests.e2e.story import Story

pytestmark = pytest.mark.live

RBAC = "/apis/rbac.authorization.k8s.io/v1"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
# Everybody may read /version because of these; a cluster may have taken that away.
FOR_EVERYBODY = ("system:public-info-viewer", "system:discovery")
METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH"}
OWNERS = {
    "apps/v1": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "batch/v1": ("Job",),
    "v1": ("ReplicationController",),
}
SECONDS = 120.0
Event = Object


class Right(NamedTuple):
    """One verb on one resource (or one path), as a role of the manifests gives it; `namespace` is the role's."""

    role: str
    namespace: str
    verb: str
    group: str
    resource: str
    name: str

    def is_used(self, event: Event) -> bool:
        """Say whether a request needs this right."""
        if self.resource.startswith("/"):
            return bool(event["requestURI"] == self.resource)
        about = event.get("objectRef", {})
        asked = (event["verb"], about.get("apiGroup", ""), about.get("resource"))
        here = self.namespace in ("", about.get("namespace"))
        named = self.name in ("", about.get("name"))
        return asked == (self.verb, self.group, self.resource) and here and named

    def rule(self) -> Object:
        """The rule that gives this and nothing else."""
        if self.resource.startswith("/"):
            return {"nonResourceURLs": [self.resource], "verbs": [self.verb]}
        rule = {"apiGroups": [self.group], "resources": [self.resource], "verbs": [self.verb]}
        return rule | ({"resourceNames": [self.name]} if self.name else {})

    @property
    def path(self) -> str:
        """Of the role."""
        kind = f"namespaces/{self.namespace}/roles" if self.namespace else "clusterroles"
        return f"{RBAC}/{kind}/{self.role}"


def rights(manifests: list[Object]) -> list[Right]:
    """Everything that the manifests allow, right by right."""
    found = []
    for role in (each for each in manifests if each["kind"] in ("Role", "ClusterRole")):
        meta = role["metadata"]
        for rule in role["rules"]:
            about = itertools.product(
                rule["verbs"],
                rule.get("apiGroups", [""]),
                rule.get("resources", rule.get("nonResourceURLs")),
                rule.get("resourceNames", [""]),
            )
            found += [Right(meta["name"], meta.get("namespace", ""), *each) for each in about]
    return found


class Scene(NamedTuple):
    """A control plane that keeps an audit log of Headroom's account, and a replica with that account."""

    plane: ControlPlane
    replicas: Replicas
    log: Path

    def asked(self) -> list[Event]:
        """What the account has asked for."""
        text = self.log.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    policy, log = tmp_path / "policy.yaml", tmp_path / "audit.log"
    rules = [{"level": "Metadata", "users": [USER]}, {"level": "None"}]
    kind = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"]}
    policy.write_text(yaml.safe_dump(kind | {"rules": rules}))
    flags = [f"--audit-policy-file={policy}", f"--audit-log-path={log}"]
    with ControlPlane(tmp_path / "plane", controllers=False, apiserver_flags=flags) as plane:
        nodes.add(plane, 1)
        for name in FOR_EVERYBODY:
            plane.api.delete(f"{RBAC}/clusterrolebindings/{name}")
        with Replicas(plane, tmp_path / "headroom") as replicas:
            yield Scene(plane, replicas, log)


def do_everything(scene: Scene, story: Story, number: int) -> None:
    """Have the replica use all that it may use; what it does at its start and by itself it does unasked."""
    for version, kinds in OWNERS.items():
        for kind in kinds:
            owner = {"apiVersion": version, "kind": kind, "name": "web", "uid": "1", "controller": True}
            if kind == "ReplicaSet":
                owner["uid"] = story.api.get(f"/apis/apps/v1/namespaces/{story.namespace}/replicasets/web")["metadata"][
                    "uid"
                ]
            pod = asking(f"{kind.lower()}-{number}", "100Gi")
            pod["metadata"]["ownerReferences"] = [owner]
            assert story.refused(pod)
    page(scene, "/pod-metrics")


def page(scene: Scene, path: str) -> bytes:
    """Read a page of the replica's reporting address, whatever its status."""
    return urllib3.request("GET", f"{scene.replicas[0].metrics_url}{path}", retries=False).data


def workload(kind: str, name: str) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container("1Mi")]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def test_each_right_is_used_and_missed(scene: Scene, tmp_path: Path) -> None:
    api = scene.plane.api
    given = rights(list(yaml.safe_load_all(scene.plane.kubectl("kustomize", gate.BASE).stdout)))
    with namespaces.temporary(scene.plane) as namespace:
        story = Story(local(scene.plane, scene.replicas), namespace)
        api.create(f"/apis/apps/v1/namespaces/{namespace}/replicasets", workload("ReplicaSet", "web"))
        numbers = itertools.count()

        def unused() -> list[Right]:
            events = scene.asked()
            return [right for right in given if not any(right.is_used(event) for event in events)]

        def all_are_used() -> bool:
            do_everything(scene, story, next(numbers))
            return not unused()

        try:
            until(all_are_used, "the use of each right", SECONDS)
        except NotReadyError as error:
            raise AssertionError(f"never used: {unused()}") from error
        until(lambda: b"\nheadroom_gate_reachable 1.0\n" in page(scene, "/metrics"), "the probe's result", SECONDS)
    refused = [each for each in scene.asked() if each["annotations"]["authorization.k8s.io/decision"] != "allow"]
    assert refused == [], "whatever it asked for, it may"
    own = Api(scene.plane.service_account_kubeconfig(NAMESPACE, ACCOUNT, tmp_path / "own"))
    needed = {right: next(event for event in scene.asked() if right.is_used(event)) for right in given}
    roles = {right.path: api.get(right.path) for right in given}
    for right, event in needed.items():
        assert status(own, event) != 403, right
        rest = [each.rule() for each in given if each.path == right.path and each != right]
        put(api, right.path, rest)
        until(lambda event=event: status(own, event) == 403, f"a refusal without {right}", SECONDS)  # type: ignore[misc]
        put(api, right.path, roles[right.path]["rules"])
        until(lambda event=event: status(own, event) != 403, f"the return of {right}", SECONDS)  # type: ignore[misc]


def put(api: Api, path: str, rules: list[Object]) -> None:
    api.replace(path, api.get(path) | {"rules": rules})


def status(api: Api, event: Event) -> int:
    """Send such a request again, as a dry run and without a body that would do anything; return what it is answered."""
    path, _, query = event["requestURI"].partition("?")
    method = METHODS.get(event["verb"], "GET")
    changed = {"timeoutSeconds": "1", "limit": "1"} if method == "GET" else {"dryRun": "All"}
    asked = dict(parse_qsl(query)) | changed
    content = "application/merge-patch+json" if method == "PATCH" else "application/json"
    body = None if method == "GET" else Object()
    try:
        api.request(method, path, body, content_type=content, query=dict(asked))
    except ApiError as error:
        return error.code
    except ValueError:
        return 200  # the lines of a watch, which are no one object
    return 200
