"""Calls to the API server: credentials, time limits, and what each kind of failure is called."""

import base64
import datetime as dt
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from kubernetes.client.configuration import Configuration

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_certificate import make_certificate
from tests.support.fake_http import Fault
from webhook.kube.client import Api, configure
from webhook.kube.stream import (
    ApiError,
    Conflict,
    Gone,
    NotFound,
    Stream,
    Terminating,
    Unanswered,
    Unconfigured,
    Unreachable,
)

PATH = "/api/v1/things"
NOT_AT_ALL = 15.0  # seconds: a limit that is not kept is not kept for 30 s and more; a busy machine adds some to it
BROKEN_USERS = "{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], clusters: [], users: 1}"


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer() as fake:
        yield fake


@pytest.fixture
def api(server: FakeApiServer) -> Iterator[Api]:
    api = Api(Configuration(host=server.url))
    yield api
    api.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path / "fake.pem")


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[FakeApiServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeApiServer(tls=context) as fake:
        yield fake


def kubeconfig(path: Path, server: str, ca: bytes, token: str) -> str:
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(ca).decode()}
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    path.write_text(yaml.safe_dump(config))
    return str(path)


def test_reads_and_writes_raw_bytes(server: FakeApiServer, api: Api) -> None:
    assert json.loads(api.get(PATH, {"limit": "1"}).body)["items"] == []
    assert api.create(PATH, b'{"a":1}')[:2] == (201, b'{"a":1}')
    assert api.replace(f"{PATH}/a", b'{"a":2}')[:2] == (200, b'{"a":2}')
    assert api.patch(f"{PATH}/a", b'{"a":3}')[:2] == (200, b'{"a":3}')
    types = [call.headers.get("Content-Type") for call in server.calls]
    assert types == [None, "application/json", "application/json", "application/merge-patch+json"]
    assert server.calls[0].headers["User-Agent"].startswith("headroom/")


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (409, Conflict), (410, Gone), (403, ApiError)])
def test_a_refusal_has_its_own_name(server: FakeApiServer, api: Api, status: int, error: type[ApiError]) -> None:
    server.refuse("GET", status)
    server.refuse("PUT", status)
    with pytest.raises(error, match=f"{status} .*: told {status}") as caught:
        api.replace(f"{PATH}/a", b"{}")
    assert type(caught.value) is error
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("details", "error"),
    [
        ({"causes": [{"message": "it is", "field": "f"}, {"reason": "NamespaceTerminating"}]}, Terminating),
        ({"causes": [{"reason": "FieldValueInvalid"}]}, ApiError),
        ({"name": "x", "kind": "events"}, ApiError),
    ],
)
def test_a_namespace_that_is_being_deleted_is_told_from_a_missing_right(
    server: FakeApiServer, api: Api, details: dict[str, object], error: type[ApiError]
) -> None:
    status = {"code": 403, "reason": "Forbidden", "message": "no", "details": details}
    server.reply("POST", json.dumps(status).encode(), status=403)
    with pytest.raises(ApiError, match="403 Forbidden: no") as caught:
        api.create(PATH, b"{}")
    assert type(caught.value) is error


def test_a_refusal_says_when_to_come_back_and_nothing_is_tried_twice(server: FakeApiServer, api: Api) -> None:
    server.refuse("POST", 429, times=2, retry_after="7")
    with pytest.raises(ApiError) as caught:
        api.create(PATH, b"{}")
    assert (caught.value.reason, caught.value.retry_after) == ("TooManyRequests", 7.0)
    assert server.count("POST") == 1


def test_a_proxy_in_between_may_answer_with_anything(server: FakeApiServer, api: Api) -> None:
    server.reply("list", b"<html>\n<b>502</b>\xff", status=502)
    with pytest.raises(ApiError, match=r"502 Unknown: <html> <b>502</b>"):
        api.get(PATH)


def test_a_redirect_is_not_followed(server: FakeApiServer, api: Api) -> None:
    server.faults.append(Fault("list", lambda handler, _: handler.answer(302, b"", {"Location": "/elsewhere"})))
    with pytest.raises(ApiError, match="302"):
        api.get(PATH)
    assert len(server.calls) == 1


def test_nobody_listening_is_known_not_to_have_been_carried_out(server: FakeApiServer, api: Api) -> None:
    server.down()
    with pytest.raises(Unreachable) as caught:
        api.create(PATH, b"{}")
    assert not isinstance(caught.value, Unanswered)


@pytest.mark.parametrize("fault", ["hangs", "stops half-way"])
def test_a_request_that_was_sent_may_have_been_carried_out(server: FakeApiServer, api: Api, fault: str) -> None:
    if fault == "hangs":
        server.hang("POST")
    else:
        server.reply("POST", b"{}", whole=False)
    began = time.monotonic()
    with pytest.raises(Unanswered):
        api.create(PATH, b"{}", timeout=0.3)
    assert 0.2 < time.monotonic() - began < NOT_AT_ALL


def test_a_body_that_trickles_in_has_its_time_limit(server: FakeApiServer, api: Api) -> None:
    server.trickle("list", b"x" * 1000, every=0.1)
    began = time.monotonic()
    with pytest.raises(Unanswered, match="did not come within"):
        api.get(PATH, timeout=0.3)
    assert time.monotonic() - began < NOT_AT_ALL


def test_a_connection_is_used_again(server: FakeApiServer, api: Api) -> None:
    for _ in range(5):
        api.get(PATH, {"limit": "500"})
        server.refuse("list", 500)
        with pytest.raises(ApiError):
            api.get(PATH, {"limit": "500"})
    assert server.connections == 1


def watch_until_closed(stream: Stream) -> tuple[list[bytes], float]:
    """Read a stream that another thread closes; return its lines and how long the end took to be seen."""
    closed: list[float] = []

    def close() -> None:
        time.sleep(0.2)
        closed.append(time.monotonic())
        stream.close()

    thread = threading.Thread(target=close)
    thread.start()
    with stream:
        lines = list(stream.lines(30))
    seconds = time.monotonic() - closed[0]
    thread.join()
    stream.close()  # once more does no harm
    return lines, seconds


def test_a_stream_is_closed_from_another_thread(server: FakeApiServer, api: Api) -> None:
    server.put("a")
    lines, seconds = watch_until_closed(api.stream(PATH, {"watch": "true", "resourceVersion": "1"}, 30, 30))
    assert len(lines) == 1
    assert seconds < NOT_AT_ALL


def test_tls_is_verified_and_the_token_sent(tls_server: FakeApiServer, certificate: Path, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", tls_server.url, certificate.read_bytes(), "secret")
    api = Api(configure(file))
    api.get(PATH, {"limit": "1"})
    assert tls_server.calls[0].headers["authorization"] == "Bearer secret"
    tls_server.put("a")
    lines, seconds = watch_until_closed(api.stream(PATH, {"watch": "true", "resourceVersion": "1"}, 30, 30))
    assert len(lines) == 1
    assert seconds < NOT_AT_ALL
    api.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server: FakeApiServer) -> None:
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        Api(Configuration(host=tls_server.url)).get(PATH)
    assert not tls_server.calls


def test_a_proxy_in_the_environment_is_not_for_loopback(server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dead:
        port = dead.getsockname()[1]
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "example.org")
    configuration = Configuration(host=server.url)
    assert configuration.proxy
    api = Api(configuration)
    assert api.get(PATH, {"limit": "1"}).status == 200
    assert str(configuration.no_proxy).startswith("example.org,")
    api.close()


def test_a_pods_token_is_read_again_when_a_minute_has_passed(
    tls_server: FakeApiServer, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, now = tmp_path / "token", dt.datetime(2030, 1, 1)  # noqa: DTZ001 - the client's own clock is naive
    clock = SimpleNamespace(now=lambda: now)
    module = "kubernetes.config.incluster_config"
    monkeypatch.setattr(f"{module}.datetime", SimpleNamespace(datetime=clock, timedelta=dt.timedelta))
    monkeypatch.setattr(f"{module}.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(f"{module}.SERVICE_CERT_FILENAME", str(certificate))
    host, port = tls_server.url.removeprefix("https://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    token.write_text("first\n")
    api = Api(configure(None))
    for text, passed in (("second", 59), ("third", 2)):
        token.write_text(text)
        now += dt.timedelta(seconds=passed)
        api.get(PATH, {"limit": "1"})
    assert [call.headers["authorization"] for call in tls_server.calls] == ["bearer first", "bearer third"]
    token.unlink()
    now += dt.timedelta(minutes=2)
    with pytest.raises(Unreachable, match="cannot read the credentials"):
        api.get(PATH)
    api.close()


@pytest.mark.parametrize("text", [None, "", "{", "[]", "text", "a: 1", "current-context: nowhere", BROKEN_USERS])
def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "config"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Unconfigured, match=f"{file}.*--kubeconfig"):
        configure(str(file))


def test_outside_a_pod_a_kubeconfig_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Unconfigured, match=r"service account.*--kubeconfig"):
        configure(None)
