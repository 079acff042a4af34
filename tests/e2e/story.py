"""A story: what one test does to pods in a namespace of its own, on a cluster that Headroom guards."""

import json
from subprocess import CompletedProcess

from devcluster.api import ApiError, Object
from devcluster.processes import until
from tests.e2e.headroom import SECONDS, Headroom

DENIED = 'admission webhook "pods.headroom.internal" denied the request: '


class Story:
    """The test's namespace, its pods, and Headroom."""

    def __init__(self, headroom: Headroom, namespace: str) -> None:
        self.headroom, self.namespace = headroom, namespace
        self.api = headroom.cluster.api
        self.pods = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, pod: Object, **query: str) -> Object:
        """Create a pod, as administrator."""
        return self.api.create(self.pods, pod, **query)

    def tries(self, pod: Object, **query: str) -> str:
        """Try to create a pod; return what Headroom said against it, nothing if it was let in."""
        try:
            self.create(pod, **query)
        except ApiError as error:
            if not error.message.startswith(DENIED):
                raise
            return error.message.removeprefix(DENIED)
        return ""

    def refused(self, pod: Object, **query: str) -> str:
        """Try to create a pod that Headroom must refuse, and not because it cannot tell; return what it said."""
        told = self.tries(pod, **query)
        assert told, f"pod {pod['metadata']['name']} was let in"
        assert "AccountUnavailable" not in told
        return told

    def refused_for(self, short_by: int, pod: Object, kind: str = "requests", **query: str) -> str:
        """Try to create a pod that Headroom must refuse because so many bytes are missing; return what it said."""
        known = len(self._lines_of(pod))
        told = self.refused(pod, **query)
        until(lambda: len(self._lines_of(pod)) > known, f"the audit line of {pod['metadata']['name']}", SECONDS)
        assert self._lines_of(pod)[-1][f"short_by_{kind}_bytes"] == short_by
        return told

    def _lines_of(self, pod: Object) -> list[Object]:
        return [line for line in self.headroom.audit_lines(self.namespace) if line["name"] == pod["metadata"]["name"]]

    def fits(self, pod: Object) -> bool:
        """Whether Headroom would let the pod in now."""
        return not self.tries(pod, dryRun="All")

    def audited(self, count: int) -> list[Object]:
        """The audit lines about the namespace, once there are as many: they are written behind the answers' backs."""
        until(lambda: len(self.headroom.audit_lines(self.namespace)) >= count, f"{count} audit lines", SECONDS)
        lines = self.headroom.audit_lines(self.namespace)
        assert len(lines) == count
        return lines

    def delete(self, name: str) -> None:
        """Delete a pod; one without finalizers that nobody runs is gone at once."""
        self.api.delete_now(f"{self.pods}/{name}")

    def kubectl(self, *arguments: str, given: Object | None = None, check: bool = True) -> CompletedProcess[str]:
        """Run kubectl in this namespace, with an object to read from `-f -`."""
        text = None if given is None else json.dumps(given)
        return self.headroom.cluster.kubectl(f"--namespace={self.namespace}", *arguments, input=text, check=check)
