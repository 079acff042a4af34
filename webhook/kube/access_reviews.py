"""Asks the API server who has a token, and what they may do: TokenReview and SubjectAccessReview.

https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from webhook.kube.client import Api
from webhook.kube.stream import KubeError

TOKEN_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

T = TypeVar("T")


class Identity(Struct, frozen=True, rename="camel"):
    """Somebody, as the API server knows them."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = {}


class Resource(NamedTuple):
    """What somebody may do something with; an empty namespace means all of them."""

    verb: str
    resource: str
    namespace: str = ""
    group: str = ""


class _TokenStatus(Struct, frozen=True):
    authenticated: bool = False
    user: Identity = Identity()
    audiences: tuple[str, ...] = ()


class _TokenReview(Struct, frozen=True):
    status: _TokenStatus = _TokenStatus()


class _AccessStatus(Struct, frozen=True):
    allowed: bool = False


class _AccessReview(Struct, frozen=True):
    status: _AccessStatus = _AccessStatus()


class AccessReviews:
    """Asks one API server; any thread may call. Every method raises `KubeError`."""

    def __init__(self, api: Api, timeout: float) -> None:
        self._api, self._timeout = api, timeout

    def who(self, token: str, audience: str) -> Identity | None:
        """Return whose token this is: one for the audience or, failing that, one for the API server; None: nobody's."""
        mine = self._reviewed(token, (audience,))
        # Without audiences in the answer, the API server knows of none, and the token is for itself.
        if mine.authenticated and audience in mine.audiences:
            return mine.user
        known = self._reviewed(token, ())
        return known.user if known.authenticated else None

    def may(self, who: Identity, what: Resource) -> bool:
        """Say whether somebody may do something."""
        attributes = {each: value for each, value in what._asdict().items() if value}
        spec: dict[str, Any] = {"user": who.username, "groups": who.groups, "resourceAttributes": attributes}
        spec |= {"uid": who.uid} if who.uid else {}
        spec |= {"extra": who.extra} if who.extra else {}
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
        return _decoded(self._created(ACCESS_REVIEWS, {**kind, "spec": spec}), _AccessReview).status.allowed

    def _reviewed(self, token: str, audiences: tuple[str, ...]) -> _TokenStatus:
        spec = {"token": token, **({"audiences": audiences} if audiences else {})}
        kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
        return _decoded(self._created(TOKEN_REVIEWS, {**kind, "spec": spec}), _TokenReview).status

    def _created(self, path: str, body: Mapping[str, Any]) -> bytes:
        return self._api.create(path, msgspec.json.encode(body), self._timeout).body


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KubeError(f"the answer to a review of access cannot be read: {error}") from error
