"""What nobody should send to Headroom's port: a clear answer, a line in the log, no word about Headroom's insides."""

import gzip
import json
import re
from collections.abc import Callable, Iterator

import pytest

from devcluster.api import Object
from devcluster.processes import until
from devcluster.replicas import Replicas
from tests.e2e.headroom import SECONDS, Headroom
from tests.e2e.peer import JSON, Peer, Reply, review

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("control_plane", "room")]

MIB = 1 << 20
TOO_MUCH = 7 * MIB + 1
GOOD = json.dumps(review()).encode()
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 [A-Z]+ webhook\.")
DEEP = b'{"spec":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HEAD = b"POST /validate HTTP/1.1\r\nHost: headroom\r\nContent-Type: application/json\r\n"


def without(key: str) -> bytes:
    whole = review()
    del whole["request"][key]
    return json.dumps(whole).encode()


def with_object(text: bytes) -> bytes:
    return json.dumps(review(object="HERE")).encode().replace(b'"HERE"', text)


def pieces_of(size: int) -> Iterator[bytes]:
    # Not a byte beyond: that would be the beginning of another request, refused in a line of its own.
    yield from (b" " * min(65536, size - at) for at in range(0, size, 65536))


NOT_READABLE: dict[str, tuple[Callable[[Peer], Reply], int, str]] = {
    "no-review": (lambda peer: peer.send(b'{"hello": "world"}'), 400, "send admission.k8s.io/v1 AdmissionReview"),
    "no-object": (lambda peer: peer.send(b"[]"), 400, "not an AdmissionReview"),
    "no-json": (lambda peer: peer.send(b"apiVersion: v1"), 400, "not an AdmissionReview"),
    "empty": (lambda peer: peer.send(b""), 400, "not an AdmissionReview"),
    "truncated": (lambda peer: peer.send(GOOD[:-20]), 400, "not an AdmissionReview"),
    "other-version": (lambda peer: peer.send(GOOD.replace(b"k8s.io/v1", b"k8s.io/v1beta1")), 400, "v1beta1"),
    "no-request": (lambda peer: peer.send(GOOD.replace(b'"request"', b'"answer"')), 400, "no request with a uid"),
    "no-uid": (lambda peer: peer.send(without("uid")), 400, "uid"),
    "empty-uid": (lambda peer: peer.review(uid=""), 400, "uid"),
    "100000-brackets": (lambda peer: peer.send(b"[" * 100_000), 400, "not an AdmissionReview"),
    "100000-braces": (lambda peer: peer.send(b'{"request":' * 100_000), 400, "not an AdmissionReview"),
    "100000-brackets-in-the-pod": (lambda peer: peer.send(with_object(DEEP)), 400, "not an AdmissionReview"),
    "no-utf-8": (lambda peer: peer.send(b"\xff\xfe" + GOOD), 400, "not an AdmissionReview"),
    "no-utf-8-in-a-name": (
        lambda peer: peer.send(GOOD.replace(b'"straight"', b'"\xff"')),
        400,
        "not an AdmissionReview",
    ),
    "compressed": (
        lambda peer: peer.send(gzip.compress(GOOD), JSON | {"Content-Encoding": "gzip"}),
        400,
        "not an Admis",
    ),
    "other-content-type": (lambda peer: peer.send(GOOD, {"Content-Type": "text/plain"}), 415, "application/json"),
    "no-content-type": (lambda peer: peer.send(GOOD, {}), 415, "application/json"),
    "too-large": (
        lambda peer: peer.say(HEAD + b"Content-Length: %d\r\n\r\n" % TOO_MUCH, *pieces_of(TOO_MUCH)),
        413,
        "larger than 7 MiB",
    ),
    "too-large-says-its-header": (
        lambda peer: peer.say(HEAD + b"Content-Length: %d\r\n\r\n" % TOO_MUCH),
        413,
        "larger than 7 MiB",
    ),
    "too-large-in-chunks": (
        lambda peer: peer.say(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            *(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces_of(TOO_MUCH)),
            b"0\r\n\r\n",
        ),
        413,
        "larger than 7 MiB",
    ),
    "get": (lambda peer: peer.say(b"GET /validate HTTP/1.1\r\nHost: headroom\r\n\r\n"), 405, "GET /validate"),
    "a-path-that-forges-lines": (lambda peer: peer.send(GOOD, path="/a%0aINFO%20b"), 404, "Not Found: POST"),
    "elsewhere": (lambda peer: peer.send(GOOD, path="/nowhere"), 404, "POST /nowhere"),
}

NOT_A_GOOD_POD: dict[str, tuple[bytes, str, str]] = {
    "quantity": (
        with_object(b'{"spec":{"containers":[{"name":"a","resources":{"requests":{"memory":"a lot"}}}]}}'),
        "a lot",
        "InvalidPod",
    ),
    "negative": (
        with_object(b'{"spec":{"containers":[{"name":"a","resources":{"limits":{"memory":"-1Gi"}}}]}}'),
        "is negative",
        "InvalidPod",
    ),
    "other-type": (with_object(b'{"spec":{"containers":"none"}}'), "spec.containers", "InvalidPod"),
    "no-object": (with_object(b"null"), "object", "InvalidPod"),
    "other-kind": (
        json.dumps(review(kind={"group": "apps", "version": "v1", "kind": "Gadget"})).encode(),
        "Headroom judges pods, not Gadget",
        "NotJudged",
    ),
    "no-kind": (without("kind"), "Headroom judges pods, not object of no kind", "NotJudged"),
}


@pytest.fixture(scope="module")
def peer(replicas: Replicas) -> Peer:
    return Peer(replicas)


@pytest.fixture
def before(headroom: Headroom, peer: Peer) -> Iterator[int]:
    """The length of the log; afterwards no traceback has been added to it, and Headroom answers as ever."""
    headroom.configure({"requests": "50%"})
    length = headroom.log().rfind("\n") + 1  # of what is whole
    yield length
    assert "Traceback" not in headroom.log()[length:]
    good = peer.send(GOOD)
    assert good.status == 200
    assert good.response["allowed"] is True


@pytest.mark.parametrize(("ask", "status", "said"), NOT_READABLE.values(), ids=NOT_READABLE)
def test_what_is_no_review_gets_a_clear_4xx_and_a_line_in_the_log(
    before: int, headroom: Headroom, peer: Peer, ask: Callable[[Peer], Reply], status: int, said: str
) -> None:
    reply = ask(peer)
    assert reply.status == status
    assert said in reply.text
    assert len(reply.text.splitlines()) == 1
    assert "Traceback" not in reply.text
    until(lambda: "refused a request" in headroom.log()[before:], "a line in the log", SECONDS)
    said = headroom.log()
    lines = said[before : said.rfind("\n") + 1].splitlines()
    (line,) = [line for line in lines if "refused a request" in line]
    assert reply.text.strip() in line
    # Others may have been refused a pod meanwhile, or been told of one; nobody may write lines of his own.
    assert all(each.startswith('{"') or STAMP.match(each) for each in lines), lines


@pytest.mark.parametrize(("body", "said", "reason"), NOT_A_GOOD_POD.values(), ids=NOT_A_GOOD_POD)
def test_what_is_no_good_pod_gets_a_clear_denial_and_an_audit_line(
    before: int, headroom: Headroom, peer: Peer, body: bytes, said: str, reason: str
) -> None:
    def lines() -> list[Object]:
        return [line for line in headroom.audit_lines("straight") if line["reason"] == reason]

    earlier = len(lines())
    reply = peer.send(body)
    assert reply.status == 200
    response = reply.response
    assert response["allowed"] is False
    assert response["uid"] == review()["request"]["uid"]
    assert response["status"]["code"] == 400
    assert said in response["status"]["message"]
    assert "\n" not in response["status"]["message"]
    assert "Traceback" not in reply.text
    until(lambda: len(lines()) == earlier + 1, "the audit line", SECONDS)
    assert lines()[-1]["decision"] == "deny"


@pytest.mark.parametrize("rubbish", [b"\x00\x01\x02\r\n\r\n", b"POST /validate\r\n\r\n"])
def test_what_is_no_http_ends_the_connection_and_nothing_else(peer: Peer, rubbish: bytes) -> None:
    with peer.connect() as connection:
        connection.sendall(rubbish)
        connection.settimeout(60)
        said = connection.recv(65536)
    assert said == b"" or said.startswith(b"HTTP/1.1 400")
    assert b"Traceback" not in said
    assert peer.send(GOOD).status == 200
