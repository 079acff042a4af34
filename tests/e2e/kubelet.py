"""Reports what a kubelet would report, where KWOK, which stands in for it, does not."""

from devcluster.api import Api
from devcluster.processes import until
from tests.e2e.headroom import SECONDS


def started(api: Api, path: str) -> None:
    """Wait until the pod at `path` runs, and report its requested resources as in force, so that it can be resized."""
    until(lambda: api.get(path)["status"].get("containerStatuses"), "the pod's start", SECONDS)
    actuate(api, path)


def actuate(api: Api, path: str) -> None:
    """Report the requested resources of the pod at `path` as in force."""
    found = api.get(path)
    (asked,), (running,) = found["spec"]["containers"], found["status"]["containerStatuses"]
    report = {"containerStatuses": [running | {"resources": asked["resources"]}]}
    api.patch(f"{path}/status", {"status": report})
