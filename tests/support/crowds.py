"""How many peers a flood has, and the memory that it must fit."""

import yaml

from tests.support.kustomize import MANIFESTS
from webhook.core.values.quantity import nanos, whole
from webhook.http.worker import Limits

# At each replica: in full, twice what is granted; else as many as take every place.
FULL, SHORT = (1_600, 780), (Limits().connections, 100)


def memory_limit() -> int:
    """What the manifest gives a replica, in bytes."""
    deployment = yaml.safe_load((MANIFESTS / "base" / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return whole(nanos(container["resources"]["limits"]["memory"]))
