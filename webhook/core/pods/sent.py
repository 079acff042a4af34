"""Sent pods: pods that any client may have sent, decoded without much more memory than they have bytes.

JSON can hold an empty object in three bytes, and each takes fifty once it is decoded: a body of 7 MiB made of nothing
else took 680 MiB and most of a minute. So for a large body, the size of each part is checked first. This decodes
nothing, and takes about a millisecond per MiB. No pod that Kubernetes would store comes near these bounds.
"""

from msgspec import DecodeError, Raw, Struct, json

from webhook.core.api.types import LARGE, ObjectError, Pod, sent_reader

MOST_CONTAINERS = 2_000  # in a pod; no node could run that many
_LARGEST_SELECTOR = 64 << 10  # bytes
_LARGEST_PART = 512 << 10  # bytes: an affinity may list every node of a large cluster
_LARGEST_STATUS = 1 << 20  # bytes: a container needs a few hundred
_SPARSE = 8  # bytes per opening brace in a list of containers, at least; the smallest useful object is {"name":"A"}


class _Metadata(Struct, frozen=True, rename="camel"):
    owner_references: Raw = Raw()


class _Spec(Struct, frozen=True, rename="camel"):
    node_selector: Raw = Raw()
    affinity: Raw = Raw()
    containers: Raw = Raw()
    init_containers: Raw = Raw()


class _Status(Struct, frozen=True, rename="camel"):
    conditions: Raw = Raw()
    container_statuses: Raw = Raw()
    init_container_statuses: Raw = Raw()


class _Parts(Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()
    status: _Status = _Status()


_parts = json.Decoder(_Parts)
_read = sent_reader(Pod)


def read_sent_pod(data: bytes) -> Pod:
    """Read a pod; raises `ObjectError`."""
    if len(data) > LARGE:
        _look(data)
    return sparse(_read(data))


def sparse(pod: Pod) -> Pod:
    """Return the pod; raises `ObjectError` if it has more than `MOST_CONTAINERS` containers."""
    if len(pod.spec.containers) + len(pod.spec.init_containers) > MOST_CONTAINERS:
        raise ObjectError(f"spec.containers: there are more than {MOST_CONTAINERS:,}")
    return pod


def _look(data: bytes) -> None:
    try:
        found = _parts.decode(data)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ObjectError(f"no readable pod: {error}") from error
    spec, status = found.spec, found.status
    for path, part, most in (
        ("metadata.ownerReferences", found.metadata.owner_references, _LARGEST_PART),
        ("spec.nodeSelector", spec.node_selector, _LARGEST_SELECTOR),
        ("spec.affinity", spec.affinity, _LARGEST_PART),
        ("status.conditions", status.conditions, _LARGEST_STATUS),
        ("status.containerStatuses", status.container_statuses, _LARGEST_STATUS),
        ("status.initContainerStatuses", status.init_container_statuses, _LARGEST_STATUS),
    ):
        if len(bytes(part)) > most:
            raise ObjectError(f"{path}: is larger than {most >> 10} KiB")
    for path, part in (("spec.containers", spec.containers), ("spec.initContainers", spec.init_containers)):
        text = bytes(part)
        if len(text) > LARGE and text.count(b"{") * _SPARSE > len(text):
            raise ObjectError(f"{path}: is made of hardly anything but empty objects")
