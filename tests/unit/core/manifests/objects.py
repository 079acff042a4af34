"""Objects of manifests, as short as a test wants to write them, and what is made of them."""

import json
from typing import Any

from webhook.core.manifests.documents import ManifestError
from webhook.core.manifests.manifest import Counted, Holding, Item, Other, contents, holdings
from webhook.core.manifests.settings import LimitRange, RuntimeClass, Setting

APP = {"name": "app", "resources": {"limits": {"memory": "1Gi"}}}
SPEC: dict[str, Any] = {"containers": [APP]}
TEMPLATE = {"template": {"spec": SPEC}}


def manifest(kind: str, spec: Any, version: str = "apps/v1", **more: Any) -> dict[str, Any]:
    """An object called `it` in the namespace `here`."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "it", "namespace": "here"}, "spec": spec, **more}


def found(*objects: Any, guess: bool = False) -> list[Item | Setting | Other | ManifestError]:
    """What is read of a file with these objects."""
    return list(contents("\n".join(map(json.dumps, objects)).encode(), guess=guess))


def counted(*objects: Any, guess: bool = False) -> Counted:
    """What these objects commit together."""
    items = found(*objects, guess=guess)
    settings = [each for each in items if isinstance(each, LimitRange | RuntimeClass)]
    return holdings([each for each in items if isinstance(each, Item)], settings)


def one(*values: Any, guess: bool = False) -> Holding:
    """The only one of them that commits anything."""
    [holding] = counted(*values, guess=guess).holdings
    return holding
