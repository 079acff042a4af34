"""What the API server is asked about a token, and about what its owner may do."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from kubernetes.client.configuration import Configuration

from webhook.kube.access_reviews import ACCESS_REVIEWS, TOKEN_REVIEWS, AccessReviews, Identity, Resource
from webhook.kube.client import Api, ApiResponse
from webhook.kube.stream import KubeError, Unreachable

SOMEBODY = {"username": "ann", "uid": "7", "groups": ["dev", "ops"], "extra": {"scopes": ["a"]}}
ANN = Identity("ann", "7", ("dev", "ops"), {"scopes": ("a",)})


class Server(Api):
    """An API server that answers by a function of the path and the object."""

    def __init__(self, answer: Callable[[str, Any], Any]) -> None:
        super().__init__(Configuration(host="http://127.0.0.1:1"))
        self.answer = answer
        self.asked: list[tuple[str, Any]] = []

    def create(
        self, path: str, body: bytes, timeout: float = 10.0, query: Mapping[str, str] | None = None
    ) -> ApiResponse:
        """Answer."""
        assert (timeout, query) == (2.0, None)
        sent = msgspec.json.decode(body)
        self.asked.append((path, sent))
        found = self.answer(path, sent)
        return ApiResponse(201, found if isinstance(found, bytes) else msgspec.json.encode({"status": found}))


def reviews(answer: Callable[[str, Any], Any]) -> tuple[Server, AccessReviews]:
    server = Server(answer)
    return server, AccessReviews(server, 2.0)


def test_a_token_for_headroom_is_reviewed_once() -> None:
    server, asked = reviews(lambda *_: {"authenticated": True, "user": SOMEBODY, "audiences": ["headroom.internal"]})
    assert asked.who("t0k", "headroom.internal") == ANN
    assert server.asked == [
        (
            TOKEN_REVIEWS,
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenReview",
                "spec": {"token": "t0k", "audiences": ["headroom.internal"]},
            },
        )
    ]


def test_a_token_for_the_api_server_is_reviewed_as_one() -> None:
    server, asked = reviews(
        lambda _, sent: (
            {"error": "token audiences are others"}
            if "audiences" in sent["spec"]
            else {"authenticated": True, "user": {"username": "ann"}, "audiences": ["https://kubernetes.default.svc"]}
        )
    )
    assert asked.who("t0k", "headroom.internal") == Identity("ann")
    assert [sent["spec"].get("audiences") for _, sent in server.asked] == [["headroom.internal"], None]


def test_an_authenticator_that_knows_no_audiences_speaks_of_the_api_server() -> None:
    said = {"authenticated": True, "user": {"username": "ann"}}
    server, asked = reviews(lambda *_: said)
    assert asked.who("t0k", "headroom.internal") == Identity("ann")
    assert len(server.asked) == 2, "the answer says nothing of the audience: it is asked about the API server's own"


@pytest.mark.parametrize("status", [{}, {"authenticated": False, "error": "expired"}, {"user": SOMEBODY}])
def test_a_token_that_is_not_known_is_nobodys(status: object) -> None:
    assert reviews(lambda *_: status)[1].who("t0k", "headroom.internal") is None


@pytest.mark.parametrize("allowed", [True, False])
def test_all_that_is_known_of_somebody_is_passed_on(allowed: bool) -> None:
    server, asked = reviews(lambda *_: {"allowed": allowed, "denied": not allowed})
    assert asked.may(ANN, Resource("list", "pods", "shop")) is allowed
    assert server.asked == [
        (
            ACCESS_REVIEWS,
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": "ann",
                    "uid": "7",
                    "groups": ["dev", "ops"],
                    "extra": {"scopes": ["a"]},
                    "resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "shop"},
                },
            },
        )
    ]


def test_the_whole_cluster_has_no_namespace() -> None:
    server, asked = reviews(lambda *_: {"allowed": True})
    assert asked.may(Identity("ann"), Resource("list", "pods"))
    assert server.asked[0][1]["spec"]["resourceAttributes"] == {"verb": "list", "resource": "pods"}


def test_what_cannot_be_read_is_neither_yes_nor_no() -> None:
    for body in (b"<html>", b'{"status":{"allowed":"yes"}}', b"\xff", b'{"x":' + b"[" * 20_000):
        with pytest.raises(KubeError, match="cannot be read"):
            reviews(lambda *_, body=body: body)[1].may(ANN, Resource("list", "pods"))


def test_a_fault_is_passed_on() -> None:
    def away(*_: object) -> object:
        raise Unreachable("away")

    with pytest.raises(Unreachable):
        reviews(away)[1].who("t0k", "headroom.internal")
