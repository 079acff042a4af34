"""A Deployment in a cluster with real controllers: applied, scaled, and retried after Headroom has refused its pods."""

import time
from itertools import count
from typing import Any

from devcluster.api import Object
from devcluster.processes import until
from tests.e2e.pods import container
from tests.e2e.story import Story

SECONDS = 120.0  # a time-out: controllers work in turns, and wait after a refusal before they try again
PATIENCE = 5.0  # seconds that a controller gets before the test makes it try again


class Workload:
    """One Deployment in the test's namespace; each pod has `memory` as request and limit, unless `spec` differs."""

    def __init__(self, story: Story, memory: str, name: str = "web", **spec: object) -> None:
        self.story, self.name, self.memory, self._spec = story, name, memory, spec
        self._path = f"/apis/apps/v1/namespaces/{story.namespace}"
        self._touches = count(1)

    def apply(self, replicas: int) -> None:
        """`kubectl apply` the Deployment."""
        labels = {"app": self.name}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [container(self.memory, self.memory)], **self._spec},
        }
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        kind = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": self.name}}
        self.story.kubectl("apply", "-f", "-", given={**kind, "spec": spec})

    def scale(self, replicas: int) -> None:
        """`kubectl scale` it."""
        self.story.kubectl("scale", f"deployment/{self.name}", f"--replicas={replicas}")

    def touch(self) -> None:
        """Make the controller try again now; after refusals it would wait for up to 16 minutes."""
        self._touch(self.replica_set())

    def touch_all(self) -> None:
        """Do the same with all its ReplicaSets, during an update."""
        for each in self._replica_sets():
            self._touch(each)

    def _touch(self, replica_set: Object) -> None:
        annotations = {"headroom.internal/tried-again": str(next(self._touches))}
        path = f"{self._path}/replicasets/{replica_set['metadata']['name']}"
        self.story.api.patch(path, {"metadata": {"annotations": annotations}})

    def replica_set(self) -> Object:
        """Wait for the Deployment's only ReplicaSet and return it."""
        until(lambda: bool(self._replica_sets()), f"the ReplicaSet of {self.name}", SECONDS)
        (found,) = self._replica_sets()
        return found

    def _replica_sets(self) -> list[Object]:
        return self.story.api.items(f"{self._path}/replicasets", labelSelector=f"app={self.name}")

    def pods(self) -> list[Object]:
        """Return the pods that are not being deleted."""
        found = self.story.api.items(self.story.pods, labelSelector=f"app={self.name}")
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def settles_at(self, pods: int) -> None:
        """Wait until there are `pods` pods, and, if the controller wants more, until another one was refused."""
        self._until_there_are(pods)
        if self.replica_set()["spec"]["replicas"] > pods:
            refused = len(self.refusals())
            self.touch()
            until(lambda: len(self.refusals()) > refused, f"a refusal after {pods} pods", SECONDS)
        assert len(self.pods()) == pods

    def condition(self, kind: str) -> Object | None:
        """Return a condition of the Deployment; None while it has no such condition."""
        found: dict[str, Any] = self.story.api.get(f"{self._path}/deployments/{self.name}")["status"]
        return next((each for each in found.get("conditions", ()) if each["type"] == kind), None)

    def events(self) -> list[str]:
        """Return the messages of the Events about its ReplicaSet."""
        about = f"involvedObject.kind=ReplicaSet,involvedObject.name={self.replica_set()['metadata']['name']}"
        path = f"/api/v1/namespaces/{self.story.namespace}/events"
        return [each["message"] for each in self.story.api.items(path, fieldSelector=about)]

    def _until_there_are(self, pods: int) -> None:
        started = touched = time.monotonic()
        while len(self.pods()) != pods:
            now = time.monotonic()
            assert now < started + SECONDS, f"{len(self.pods())} pods of {self.name}, and not {pods}"
            if now > touched + PATIENCE:
                self.touch()
                touched = now
            time.sleep(0.1)

    def refusals(self) -> list[str]:
        """Return when pods of it were refused, oldest first."""
        lines = [line for line in self.story.headroom.audit_lines(self.story.namespace) if line["decision"] == "deny"]
        return [line["ts"] for line in lines if (line["owner_name"] or "").startswith(self.name)]
