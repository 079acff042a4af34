"""Settings: objects of the input that change the pods of the same input, as the API server's own admission would.

    a pod as its file has it ─► defaults ─► LimitRanges of its namespace ─► RuntimeClass ─► what it commits

LimitRanges fill in the requests and limits that a container leaves out (`mergeContainerResources` in
plugin/pkg/admission/limitranger, with the defaults of `SetDefaults_LimitRangeItem` in pkg/apis/core/v1). A RuntimeClass
adds its overhead to a pod that names it. A pod that was read from a cluster has both already.
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from webhook.core.api.types import Container, ObjectError, Pod, PodSpec, ResourceList, Resources, convert
from webhook.core.manifests.documents import Value
from webhook.core.pods.defaults import with_defaults
from webhook.core.pods.rules import NEWEST, RuleSet
from webhook.core.values.quantity import QuantityError, RawQuantity, nanos

_CONTAINER = "Container"


class _Part(Struct, frozen=True, rename="camel"):
    """Base of the types that have the fields which are read of an object."""


class _Limits(_Part, frozen=True):
    type: str = ""
    default: ResourceList = ResourceList()
    default_request: ResourceList = ResourceList()
    max: ResourceList = ResourceList()
    min: ResourceList = ResourceList()


class _LimitRangeSpec(_Part, frozen=True):
    limits: tuple[_Limits, ...] = ()


class _LimitRange(_Part, frozen=True):
    spec: _LimitRangeSpec = _LimitRangeSpec()


class _Overhead(_Part, frozen=True):
    pod_fixed: ResourceList = ResourceList()


class _RuntimeClass(_Part, frozen=True):
    overhead: _Overhead = _Overhead()


class LimitRange(NamedTuple):
    """The requests and limits of containers in a namespace that declare none."""

    namespace: str | None
    name: str
    requests: ResourceList
    limits: ResourceList


class RuntimeClass(NamedTuple):
    """The overhead that a pod commits beside its containers if it names this class."""

    name: str
    overhead: ResourceList


Setting = LimitRange | RuntimeClass


def limit_range(namespace: str | None, name: str, value: Value) -> LimitRange:
    """Read a LimitRange; raises `ObjectError`."""
    requests, limits = ResourceList(), ResourceList()
    for index, each in enumerate(convert(value, _LimitRange).spec.limits):
        if each.type == _CONTAINER:
            for field in ("default", "default_request", "max", "min"):
                _readable(f"spec.limits[{index}].{field}", getattr(each, field))
            default = _first(each.default, each.max)
            requests = _first(_first(each.default_request, default, each.min), requests)
            limits = _first(default, limits)
    return LimitRange(namespace, name, requests, limits)


def runtime_class(name: str, value: Value) -> RuntimeClass:
    """Read a RuntimeClass; raises `ObjectError`."""
    overhead = convert(value, _RuntimeClass).overhead.pod_fixed
    _readable("overhead.podFixed", overhead)
    return RuntimeClass(name, overhead)


class Settings:
    """All settings of one input, in the order of their names: a later one fills in only what is still left out."""

    def __init__(self, given: Iterable[Setting], rule_set: RuleSet = NEWEST[-1]) -> None:
        self.rule_set = rule_set  # by which what they leave out is filled in
        self._ranges: dict[str | None, list[LimitRange]] = {}
        self._classes: dict[str, RuntimeClass] = {}
        for each in sorted(given, key=lambda setting: setting.name):
            if isinstance(each, LimitRange):
                self._ranges.setdefault(each.namespace, []).append(each)
            else:
                self._classes[each.name] = each

    def lacks(self, runtime_class_name: str) -> bool:
        """Say whether a pod names a RuntimeClass that is not in the input."""
        return bool(runtime_class_name) and runtime_class_name not in self._classes

    def apply(self, pod: Pod, namespace: str | None, runtime_class_name: str) -> tuple[Pod, list[str]]:
        """Return a pod (with its defaults) as it would be admitted, and the names of the settings that change it."""
        changed: list[str] = []
        for each in self._ranges.get(namespace, ()):
            before, pod = pod, replace(pod, spec=_filled(pod.spec, each))
            if pod != before:
                changed.append(f"LimitRange {each.name}")
        found = self._classes.get(runtime_class_name)
        if found is not None and found.overhead != ResourceList():
            pod = replace(pod, spec=replace(pod.spec, overhead=found.overhead))
            changed.append(f"RuntimeClass {found.name}")
        return (with_defaults(pod, self.rule_set) if changed else pod), changed


def _filled(spec: PodSpec, limits: LimitRange) -> PodSpec:
    return replace(
        spec,
        containers=tuple(_filled_container(each, limits) for each in spec.containers),
        init_containers=tuple(_filled_container(each, limits) for each in spec.init_containers),
    )


def _filled_container(container: Container, limits: LimitRange) -> Container:
    asked = container.resources
    allowed = _first(asked.limits or ResourceList(), limits.limits)
    requests = _first(asked.requests, limits.requests)
    return replace(container, resources=Resources(requests, None if allowed == ResourceList() else allowed))


def _first(*lists: ResourceList) -> ResourceList:
    """Return each quantity from the first list that has it."""
    return ResourceList(_present(each.cpu for each in lists), _present(each.memory for each in lists))


def _present(amounts: Iterable[RawQuantity | UnsetType]) -> RawQuantity | UnsetType:
    return next((each for each in amounts if each is not UNSET), UNSET)


def _readable(path: str, amounts: ResourceList) -> None:
    for name in ("cpu", "memory"):
        raw = getattr(amounts, name)
        try:
            nanos(None if raw is UNSET else raw)
        except QuantityError as error:
            raise ObjectError(f"{path}.{name}: {error}") from error
