"""A story: what one test does to pods in a namespace of its own, on a cluster that Headroom guards."""

import json
from subprocess import CompletedProcess

from tests.cluster.api import ApiError, Object
from tests.live.headroom import Headroom

DENIED = 'admission webhook "pods.headroom.dev" denied the request: '


class Story:
    """The test's namespace, its pods, and Headroom."""

    def __init__(self, headroom: Headroom, namespace: str) -> None:
        self.headroom, self.namespace = headroom, namespace
        self.api = headroom.cluster.api
        self.pods = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, pod: Object, **query: str) -> Object:
        """Create a pod, as administrator."""
        return self.api.create(self.pods, pod, **query)

    def refused(self, pod: Object, **query: str) -> str:
        """Try to create a pod that Headroom must refuse; return what Headroom said."""
        try:
            self.create(pod, **query)
        except ApiError as error:
            assert error.code == 403, error
            assert error.message.startswith(DENIED)
            return error.message.removeprefix(DENIED)
        raise AssertionError(f"pod {pod['metadata']['name']} was let in")

    def fits(self, pod: Object) -> bool:
        """Whether Headroom would let the pod in now."""
        try:
            self.create(pod, dryRun="All")
        except ApiError as error:
            if error.code != 403:
                raise
            return False
        return True

    def delete(self, name: str) -> None:
        """Delete a pod; one without finalizers that nobody runs is gone at once."""
        self.api.delete_now(f"{self.pods}/{name}")

    def kubectl(self, *arguments: str, given: Object | None = None, check: bool = True) -> CompletedProcess[str]:
        """Run kubectl in this namespace, with an object to read from `-f -`."""
        text = None if given is None else json.dumps(given)
        return self.headroom.cluster.kubectl(f"--namespace={self.namespace}", *arguments, input=text, check=check)
