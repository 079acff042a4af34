"""What autoscalers and rolling updates may make of workloads, read with the user's own rights.

Headroom itself may not list these objects, and nothing that it judges depends on them. So a command reads them, and
asks about workloads with so many pods: through Headroom and with --direct, the answers are the same.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct, field

from webhook.cli.cluster import CannotTell
from webhook.core.api.types import ObjectError, PodSpec, convert
from webhook.core.api.workloads import Workload, read_workload
from webhook.core.forecast.growth import Growth, peak
from webhook.kube.stream import KubeError

if TYPE_CHECKING:
    from webhook.kube.client import Api

_PATHS: Final = {
    "Deployment": "/apis/apps/v1/deployments",
    "StatefulSet": "/apis/apps/v1/statefulsets",
    "ReplicaSet": "/apis/apps/v1/replicasets",
}
_AUTOSCALERS: Final = "/apis/autoscaling/v2/horizontalpodautoscalers"
_PAGE: Final = "500"
_TIMEOUT: Final = 30.0  # seconds for a page

Key = tuple[str, str, str]
"""Namespace, kind and name of a workload."""


class _Part(Struct, frozen=True, rename="camel"):
    """Base of what is read."""


class _Meta(_Part, frozen=True):
    namespace: str = ""
    name: str = ""


class _Object(_Part, frozen=True):
    metadata: _Meta = _Meta()


class _Target(_Part, frozen=True):
    kind: str = ""
    name: str = ""


class _Scaling(_Part, frozen=True):
    scale_target_ref: _Target = _Target()
    max_replicas: int = 0


class _Autoscaler(_Part, frozen=True):
    metadata: _Meta = _Meta()
    spec: _Scaling = _Scaling()


class _More(_Part, frozen=True):
    after: str = field(name="continue", default="")


class _Page(_Part, frozen=True):
    metadata: _More = _More()
    items: tuple[Raw, ...] = ()


def growth(api: "Api", *, hpa_max: bool, surge: bool) -> tuple[Growth, ...]:
    """Return the workloads at their largest; raises `CannotTell`.

    With `hpa_max` each HorizontalPodAutoscaler is at its maxReplicas, with `surge` each Deployment is in the middle of
    its rolling update.
    """
    most = _most(api) if hpa_max else {}
    kinds = {kind for _, kind, _ in most if kind in _PATHS} | ({"Deployment"} if surge else set())
    found = list[Growth]()
    for kind in sorted(kinds):
        for item in _items(api, _PATHS[kind]):
            key, workload = _read(kind, item)
            if surge or key in most:
                pods = peak(kind, workload, most.pop(key, None), surge=surge)
                template = None if workload.status.replicas else _short(workload.spec.template)
                found.append(Growth(*key, pods, template))
    found += [Growth(*key, pods) for key, pods in most.items() if key[1] not in _PATHS]
    return tuple(found)


def _most(api: "Api") -> dict[Key, int]:
    """Return how many pods each autoscaler lets its workload have; of two of one workload the larger number."""
    most: dict[Key, int] = {}
    for item in _items(api, _AUTOSCALERS):
        found = msgspec.json.decode(item, type=_Autoscaler)
        target = found.spec.scale_target_ref
        key = (found.metadata.namespace, target.kind, target.name)
        most[key] = max(most.get(key, 0), found.spec.max_replicas)
    return most


def _read(kind: str, item: Raw) -> tuple[Key, Workload]:
    meta = msgspec.json.decode(item, type=_Object).metadata
    try:
        return (meta.namespace, kind, meta.name), read_workload(bytes(item))
    except ObjectError as error:
        raise CannotTell(f"{kind} {meta.namespace}/{meta.name} cannot be read: {error}") from error


def _short(template: Raw) -> dict[str, Any]:
    """Return a template with what decides on what its pods commit, and nothing else: a question has an end."""
    whole = msgspec.json.decode(template)
    spec = convert(whole.get("spec") or {}, PodSpec)
    return {"spec": msgspec.to_builtins(spec)}


def _items(api: "Api", path: str) -> Iterator[Raw]:
    query = {"limit": _PAGE}
    while True:
        try:
            page = msgspec.json.decode(api.get(path, query, _TIMEOUT).body, type=_Page)
        except KubeError as error:
            raise CannotTell(f"{path.rpartition('/')[2]} cannot be listed: {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CannotTell(f"the list of {path.rpartition('/')[2]} cannot be read: {error}") from error
        yield from page.items
        if not page.metadata.after:
            return
        query = {"limit": _PAGE, "continue": page.metadata.after}
