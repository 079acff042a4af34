"""How many peers a flood has, and the memory limit that a replica must keep meanwhile."""

import yaml

from tests.support.kustomize import MANIFESTS
from webhook.core.values.quantity import nanos, whole
from webhook.http.listeners import Limits

# Peers at each replica: in a full run, twice as many as it accepts; else just enough to take every place.
FULL, SHORT = (1_600, 780), (Limits().connections, 100)


def memory_limit() -> int:
    """Return the memory limit of a replica in the manifest, in bytes."""
    deployment = yaml.safe_load((MANIFESTS / "base" / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return whole(nanos(container["resources"]["limits"]["memory"]))
