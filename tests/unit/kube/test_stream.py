"""Streams and refusals: what a Status stands for, and how a body that is read as it arrives may end."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_apiserver import FakeApiServer
from webhook.kube.client import Api
from webhook.kube.stream import (
    ApiError,
    Conflict,
    Gone,
    KubeError,
    NotFound,
    Silent,
    Terminating,
    Unanswered,
    Unreachable,
    refusal,
)

PATH = "/api/v1/things"
NOT_AT_ALL = 15.0  # seconds: a limit that is not kept is not kept for 30 s and more; a busy machine adds some to it


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer() as fake:
        yield fake


@pytest.fixture
def api(server: FakeApiServer) -> Iterator[Api]:
    api = Api(Configuration(host=server.url))
    yield api
    api.close()


def status(code: int = 403, **more: Any) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "reason": "Because", "message": "no", **more}).encode()


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [(404, NotFound), (409, Conflict), (410, Gone), (403, ApiError), (429, ApiError), (500, ApiError)],
)
def test_a_refusal_has_the_type_of_its_code(code: int, kind: type[ApiError]) -> None:
    error = refusal(status(code), code)
    assert type(error) is kind
    assert (error.status, error.reason, str(error)) == (code, "Because", f"{code} Because: no")


def test_the_code_of_http_goes_before_that_of_the_body_which_an_event_alone_has() -> None:
    assert refusal(status(410), 404).status == 404
    assert type(refusal(msgspec.Raw(status(410)))) is Gone


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        ({"causes": [{"reason": "NamespaceTerminating"}]}, Terminating),
        ({"causes": [{"reason": "Other"}, {"reason": "NamespaceTerminating", "field": "f"}]}, Terminating),
        ({"causes": [{"reason": "FieldValueInvalid"}]}, ApiError),
        ({"causes": []}, ApiError),
        (None, ApiError),
    ],
)
def test_a_namespace_that_is_being_deleted_is_known_by_the_cause(details: Any, kind: type[ApiError]) -> None:
    assert type(refusal(status(details=details), 403)) is kind


@pytest.mark.parametrize(
    ("details", "header", "seconds"),
    [
        (None, "", 0.0),
        (None, "7", 7.0),
        ({"retryAfterSeconds": 3}, "", 3.0),
        ({"retryAfterSeconds": 3}, "7", 7.0),
        ({"retryAfterSeconds": 3}, "0", 3.0),
        (None, "Sat, 21 Nov 2026 12:00:00 GMT", 0.0),
        (None, "-1", 0.0),
    ],
)
def test_when_to_come_back_is_in_the_header_or_else_in_the_body(details: Any, header: str, seconds: float) -> None:
    assert refusal(status(429, details=details), 429, header).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<html>\n<b>502</b>\xff", "502 Unknown: <html> <b>502</b>\ufffd"),
        (b"", "502 Unknown: "),
        (b'{"reason": 7}', '502 Unknown: {"reason": 7}'),
        (b"{}", "502 Unknown: {}"),
    ],
)
def test_what_is_not_a_status_becomes_the_message(body: bytes, text: str) -> None:
    assert str(refusal(body, 502)) == text


def test_a_message_is_one_line_and_not_long() -> None:
    error = refusal(status(500, message="a\nb\t" + "x" * 1000), 500)
    assert str(error).startswith("500 Because: a b xxx")
    assert len(str(error)) <= len("500 Because: ") + 400
    assert len(str(refusal(b"y" * 1000, 500))) <= len("500 Unknown: ") + 400


def test_each_error_says_whether_the_request_may_have_been_carried_out() -> None:
    assert issubclass(Silent, Unanswered)
    assert issubclass(Unanswered, Unreachable)
    assert not issubclass(ApiError, Unreachable)
    assert issubclass(ApiError, KubeError)


# -- streams -----------------------------------------------------------------------------------------------------------


def test_a_silent_stream_has_its_time_limit(server: FakeApiServer, api: Api) -> None:
    with api.stream(PATH, {"watch": "true", "resourceVersion": "1"}, 30, 0.2) as stream:
        began = time.monotonic()
        with pytest.raises(Silent):
            list(stream.lines(0.2))
        assert 0.15 < time.monotonic() - began < NOT_AT_ALL


def test_a_stream_that_ends_in_the_middle_of_a_line_is_broken(server: FakeApiServer, api: Api) -> None:
    server.reply("watch", b"whole\nhal")
    with api.stream(PATH, {"watch": "true"}, 30, 30) as stream:
        lines = stream.lines(30)
        assert next(lines) == b"whole"
        with pytest.raises(Unanswered, match="in the middle of a line"):
            next(lines)


def test_the_rest_of_a_body_is_all_of_it(server: FakeApiServer, api: Api) -> None:
    body = b"x" * 200_000
    server.reply("list", body)
    with api.stream(PATH, {}, 30, 30) as stream:
        assert stream.rest(30) == body


def test_a_body_that_takes_longer_than_it_may_is_not_read_to_its_end(server: FakeApiServer, api: Api) -> None:
    server.trickle("list", b"x" * 1000, every=0.05)
    with api.stream(PATH, {}, 30, 30) as stream, pytest.raises(Unanswered, match=r"the body did not come within 0.2 s"):
        stream.rest(0.2)


def test_a_body_that_stops_half_way_is_unanswered(server: FakeApiServer, api: Api) -> None:
    server.reply("list", b"{}", whole=False)
    with api.stream(PATH, {}, 30, 0.2) as stream, pytest.raises(Unanswered):
        stream.rest(30)


def test_a_stream_that_was_closed_ends_at_once_and_its_body_is_unanswered(server: FakeApiServer, api: Api) -> None:
    server.reply("list", b"{}")
    with api.stream(PATH, {}, 30, 30) as stream:
        before = stream.closed
        stream.close()
        stream.close()
        assert (before, stream.closed) == (False, True)
        with pytest.raises(Unanswered, match="the call was ended on this side"):
            stream.rest(30)
    with api.stream(PATH, {"watch": "true", "resourceVersion": "1"}, 30, 30) as stream:
        stream.close()
        assert list(stream.lines(30)) == []


def test_close_wakes_a_reader_that_waits_for_a_line(server: FakeApiServer, api: Api) -> None:
    read = list[bytes]()
    with api.stream(PATH, {"watch": "true", "resourceVersion": "1"}, 30, 30) as stream:
        reader = threading.Thread(target=lambda: read.extend(stream.lines(30)))
        reader.start()
        server.put("a")
        deadline = time.monotonic() + NOT_AT_ALL
        while not read and time.monotonic() < deadline:
            time.sleep(0.005)
        stream.close()
        reader.join(NOT_AT_ALL)
        assert not reader.is_alive()
    assert [json.loads(line)["object"]["metadata"]["name"] for line in read] == ["a"]


def test_a_body_that_is_nested_too_deeply_becomes_the_message() -> None:
    body = b'{"message":"m","details":{"x":' + b"[" * 100_000
    assert str(refusal(body, 500)).startswith('500 Unknown: {"message":"m"')
