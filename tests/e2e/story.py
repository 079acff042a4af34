"""The steps of an end-to-end test: it creates and deletes pods in its own namespace, in a cluster with Headroom."""

import json
from subprocess import CompletedProcess

from devcluster.api import ApiError, Object
from devcluster.processes import until
from tests.e2e.headroom import SECONDS, Headroom

DENIED = 'admission webhook "pods.headroom.internal" denied the request: '
# A replica says this, and that its client should try again, where a machine is so busy that a write takes seconds.
LATE = "could not book its share in time"


class Story:
    """The test's namespace, its pods, and Headroom."""

    def __init__(self, headroom: Headroom, namespace: str) -> None:
        self.headroom, self.namespace = headroom, namespace
        self.api = headroom.cluster.api
        self.pods = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, pod: Object, **query: str) -> Object:
        """Create a pod as an administrator."""
        return self.api.create(self.pods, pod, **query)

    def tries(self, pod: Object, **query: str) -> str:
        """Try to create a pod; return Headroom's refusal, or an empty string if the pod was admitted.

        Told that its answer comes too late, as on a busy machine, it tries again.
        """
        while LATE in (told := self._tries_once(pod, **query)):
            pass
        return told

    def _tries_once(self, pod: Object, **query: str) -> str:
        try:
            self.create(pod, **query)
        except ApiError as error:
            if not error.message.startswith(DENIED):
                raise
            return error.message.removeprefix(DENIED)
        return ""

    def refused(self, pod: Object, **query: str) -> str:
        """Try to create a pod that Headroom must refuse, but not with *cannot tell*; return the refusal."""
        told = self.tries(pod, **query)
        assert told, f"pod {pod['metadata']['name']} was let in"
        assert "AccountUnavailable" not in told
        return told

    def refused_for(self, short_by: int, pod: Object, kind: str = "requests", **query: str) -> str:
        """Try to create a pod that Headroom must refuse because `short_by` bytes are missing; return the refusal."""
        known = len(self._lines_of(pod))
        told = self.refused(pod, **query)
        until(lambda: len(self._lines_of(pod)) > known, f"the audit line of {pod['metadata']['name']}", SECONDS)
        assert self._lines_of(pod)[-1][f"short_by_{kind}_bytes"] == short_by
        return told

    def _lines_of(self, pod: Object) -> list[Object]:
        return [line for line in self.headroom.audit_lines(self.namespace) if line["name"] == pod["metadata"]["name"]]

    def fits(self, pod: Object) -> bool:
        """Say whether Headroom would admit the pod now."""
        return not self.tries(pod, dryRun="All")

    def audited(self, count: int) -> list[Object]:
        """Wait for `count` audit lines about the namespace and return them: a thread writes them after the answers."""
        until(lambda: len(self.headroom.audit_lines(self.namespace)) >= count, f"{count} audit lines", SECONDS)
        lines = self.headroom.audit_lines(self.namespace)
        assert len(lines) == count
        return lines

    def delete(self, name: str) -> None:
        """Delete a pod at once: it has no finalizers, and no kubelet runs it."""
        self.api.delete_now(f"{self.pods}/{name}")

    def kubectl(self, *arguments: str, given: Object | None = None, check: bool = True) -> CompletedProcess[str]:
        """Run kubectl in this namespace; `given` is an object that it can read with `-f -`."""
        text = None if given is None else json.dumps(given)
        return self.headroom.cluster.kubectl(f"--namespace={self.namespace}", *arguments, input=text, check=check)
