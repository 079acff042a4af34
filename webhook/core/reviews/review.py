"""Reviews: an AdmissionReview v1 from bytes to a request, and from a response to bytes.

The types are those of k8s.io/api/admission/v1. Only the fields that Headroom needs are decoded; the object itself is
read once it is known to be a pod.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from webhook.core.api.types import LARGE, Binding, ObjectError, Pod, reader
from webhook.core.pods.sent import read_sent_pod, sparse
from webhook.core.reviews.forms import LONGEST_USER, FormError, check_asked, check_pod, check_same, usable
from webhook.core.values.notation import quoted

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"


class ReviewError(ValueError):
    """The body is not an AdmissionReview v1 as an API server writes it; nothing of it is kept."""


class _GroupKind(Struct, frozen=True, gc=False):
    group: str = ""
    version: str = ""
    kind: str = ""


POD: Final = _GroupKind("", "v1", "Pod")


class _Resource(Struct, frozen=True, gc=False):
    group: str = ""
    resource: str = ""


class _User(Struct, frozen=True, gc=False):
    username: str = ""


class AdmissionRequest(Struct, frozen=True, gc=False, rename="camel"):
    """The request of an AdmissionReview, as far as Headroom reads it."""

    uid: str
    kind: _GroupKind = _GroupKind()
    resource: _Resource = _Resource()
    sub_resource: str = ""
    operation: str = ""
    namespace: str = ""
    name: str = ""
    user_info: _User = _User()
    dry_run: bool | None = False
    object: Raw = Raw(b"null")
    old_object: Raw = Raw(b"null")

    @property
    def is_pod(self) -> bool:
        """Say whether the object is a pod, and not a subresource of one."""
        return self.kind.group == "" and self.kind.kind == "Pod" and self.sub_resource == ""

    @property
    def is_resize(self) -> bool:
        """Say whether this is a review of the `resize` subresource, whose objects are the whole pod."""
        return self.kind.group == "" and self.kind.kind == "Pod" and self.sub_resource == "resize"

    @property
    def is_binding(self) -> bool:
        """Say whether this is about binding a pod to a node, by `pods/binding` or the older resource `bindings`."""
        kind = self.kind.group == "" and self.kind.kind == "Binding"
        return kind and (
            self.sub_resource == "binding" or (self.resource.resource, self.sub_resource) == ("bindings", "")
        )

    @property
    def what(self) -> str:
        """Name the kind of the object, with the subresource, for people."""
        kind = self.kind.kind or "object of no kind"
        return f"{kind}/{self.sub_resource}" if self.sub_resource else kind

    def pod(self) -> Pod:
        """Decode the object as a pod; raises `ObjectError`."""
        return read_sent_pod(bytes(self.object))

    def binding(self) -> Binding:
        """Decode the object as a binding; raises `ObjectError`."""
        if len(bytes(self.object)) > LARGE:
            raise ObjectError(f"the binding is larger than {LARGE >> 10} KiB")
        return _read_binding(bytes(self.object))

    def old_pod(self) -> Pod:
        """Decode the old object, which an update replaces, as a pod; raises `ObjectError`."""
        try:
            return read_sent_pod(bytes(self.old_object))
        except ObjectError as error:
            raise ObjectError(f"oldObject: {error}") from error


class _PodRequest(AdmissionRequest, frozen=True, gc=False, kw_only=True, rename="camel"):
    """A request whose object was decoded as a pod in the same pass."""

    object: Pod  # type: ignore[assignment]  # only `pod` reads it

    def pod(self) -> Pod:
        """Return the decoded object; raises `ObjectError`."""
        return sparse(self.object)


class _Review(Struct, frozen=True, gc=False, rename="camel"):
    api_version: str = ""
    kind: str = ""
    request: AdmissionRequest | None = None


class _PodReview(_Review, frozen=True, gc=False, rename="camel"):
    request: _PodRequest | None = None


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_read_binding = reader(Binding)
_review = msgspec.json.Decoder(_Review)
_pod_review = msgspec.json.Decoder(_PodReview)


def decode(body: bytes) -> AdmissionRequest:
    """Decode the request of a review; raises `ReviewError` if that is not one of an API server."""
    try:
        return _asked(_review.decode(body))
    except _UNREADABLE as error:
        raise ReviewError(f"the body is not an AdmissionReview: {error}") from error


def decode_of_pod(body: bytes) -> AdmissionRequest:
    """Decode the request of a review, and its pod in the same pass if the body is small and the pod readable.

    Raises `ReviewError`.
    """
    if len(body) > LARGE:
        return decode(body)
    try:
        request = _asked(_pod_review.decode(body))
    except _UNREADABLE:
        return decode(body)
    return decode(body) if request.kind.kind != "Pod" and request.is_binding else request


def _asked(review: _Review) -> AdmissionRequest:
    if review.kind != KIND or review.api_version != API_VERSION:
        got = f"{review.api_version or 'no apiVersion'}, {review.kind or 'no kind'}"
        raise ReviewError(f"send {API_VERSION} {KIND}, not {quoted(got)}")
    request = review.request
    if request is None or not request.uid:
        raise ReviewError("the AdmissionReview has no request with a uid")
    kind, resource, user = request.kind, request.resource, request.user_info.username
    identity = request.uid, request.namespace, request.name
    words = (request.operation, kind.group, kind.kind, resource.group, resource.resource, request.sub_resource)
    try:
        check_asked(identity, words, of_pod=kind.kind == "Pod" and not kind.group)
    except FormError as error:
        raise ReviewError(str(error)) from error
    return request if len(user) <= LONGEST_USER else replace(request, user_info=_User(usable(user)))


def checked(request: AdmissionRequest, pod: Pod, old: Pod | None = None) -> None:
    """Check the names in the pod of a request, and in the old pod of an update; raises `ReviewError`."""
    try:
        check_pod(pod, request.namespace, request.name)
        if old is not None:
            check_pod(old, request.namespace, request.name, "oldObject.")
            check_same(request.name, pod.metadata, old.metadata)
    except FormError as error:
        raise ReviewError(str(error)) from error


def without_objects(request: AdmissionRequest) -> AdmissionRequest:
    """Return the request without its objects, which take most of its memory and keep the whole body alive."""
    if isinstance(request, _PodRequest):
        return replace(request, object=_NO_POD, old_object=_NOTHING)
    return replace(request, object=_NOTHING, old_object=_NOTHING)


_NOTHING = Raw(b"null")
_NO_POD = Pod()


class AdmissionResponse(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The response of an AdmissionReview."""

    uid: str
    allowed: bool = msgspec.field()
    status: "Status | None" = None
    warnings: tuple[str, ...] = ()
    audit_annotations: dict[str, str] = {}


class Status(Struct, frozen=True, gc=False):
    """Why a request is refused: an HTTP code (the API server replaces one below 400 by 400) and a sentence."""

    code: int
    message: str
    reason: str


class _Answer(Struct, frozen=True, gc=False, rename="camel"):
    response: AdmissionResponse
    api_version: str = API_VERSION
    kind: str = KIND


_encoder = msgspec.json.Encoder()


def encode(response: AdmissionResponse) -> bytes:
    """Encode a response as an AdmissionReview."""
    return _encoder.encode(_Answer(response))
