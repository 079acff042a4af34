"""Reviews of updates of pods."""

from itertools import count
from typing import Any

from tests.support.pool_reviews import GATED, HM
from tests.support.sample_reviews import body, memory

numbers = count()


def update(name: str, **changes: Any) -> bytes:
    """Make a review of the update that confines a gated pod to the pool `hm`."""
    meta = {"name": name, "namespace": "default", "uid": name, "resourceVersion": "101"} | changes

    def placed(spec: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": meta, "spec": {"containers": [{"name": "app", "resources": memory("2Gi")}], **spec}}

    kind = {"group": "", "version": "v1", "kind": "Pod"}
    made = {"kind": kind, "operation": "UPDATE", "namespace": "default", "name": name}
    return body(**made, uid=f"review-{next(numbers)}", object=placed(HM), oldObject=placed(GATED))
