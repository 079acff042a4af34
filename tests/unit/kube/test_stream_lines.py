"""The lines of a stream, through the whole client: the same ones however the server, TLS and the network cut it."""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubernetes.client.configuration import Configuration

from tests.support.examples import examples
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_certificate import make_certificate
from tests.support.fake_http import Call, Fault, Handler
from tests.support.pieces import pieces
from webhook.kube.client import Api
from webhook.kube.stream import Silent, Stream, Unanswered

PATH = "/api/v1/things"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
BODY = st.text("\r\nab0", min_size=1, max_size=100).map(lambda text: text.encode() + b"\n")
CUTS = st.lists(st.integers(0), max_size=10)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "fake.pem")


@pytest.fixture(scope="module", params=["http", "https"])
def server(request: pytest.FixtureRequest, certificate: Path) -> Iterator[FakeApiServer]:
    context = None
    if request.param == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with FakeApiServer(tls=context) as fake:
        yield fake


@pytest.fixture(scope="module")
def api(server: FakeApiServer, certificate: Path) -> Iterator[Api]:
    configuration = Configuration(host=server.url)
    configuration.ssl_ca_cert = str(certificate)
    api = Api(configuration)
    yield api
    api.close()


def watch(api: Api, idle_timeout: float = 5) -> Stream:
    """Open a stream."""
    return api.stream(PATH, {"watch": "true", "resourceVersion": "1"}, 5, idle_timeout)


def send(server: FakeApiServer, pieces: list[bytes]) -> None:
    """Answer the next watch with raw HTTP and hang up; over TLS each piece is a record of its own."""

    def answer(handler: Handler, _: Call) -> None:
        for piece in filter(None, pieces):
            handler.wfile.write(piece)
        handler.close_connection = True

    server.faults.append(Fault("watch", answer))


def frame(chunk: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(chunk), chunk)


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(BODY, CUTS, CUTS, st.booleans())
def test_the_lines_are_the_same_however_they_are_cut(
    server: FakeApiServer, api: Api, body: bytes, chunks: list[int], records: list[int], chunked: bool
) -> None:
    framed = b"".join(map(frame, filter(None, pieces(body, chunks)))) + frame(b"")
    send(server, pieces(CHUNKED + framed if chunked else PLAIN + body, records))
    with watch(api) as stream:
        assert list(stream.lines(5)) == body.split(b"\n")[:-1]


@pytest.mark.parametrize("chunked", [True, False])
def test_a_long_line_among_short_ones(server: FakeApiServer, api: Api, chunked: bool) -> None:
    lines = [b"a", b"b" * 3_000_000, b"c"]
    body = b"\n".join(lines) + b"\n"
    send(server, [CHUNKED + frame(body) + frame(b"") if chunked else PLAIN + body])
    with watch(api) as stream:
        assert list(stream.lines(5)) == lines


def test_a_line_without_end_is_refused(server: FakeApiServer, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.kube.stream.LONGEST_LINE", 1 << 20)
    send(server, [CHUNKED, *[frame(b"x" * 100_000)] * 12])
    with watch(api) as stream, pytest.raises(Unanswered, match="a line of more than"):
        list(stream.lines(5))


@pytest.mark.parametrize("end", [b"", b"5\r\nha", frame(b"half") + frame(b"")])
def test_a_stream_that_breaks_is_told_after_its_lines(server: FakeApiServer, api: Api, end: bytes) -> None:
    send(server, [CHUNKED, frame(b"whole\n"), end])
    with watch(api) as stream:
        lines = stream.lines(5)
        assert next(lines) == b"whole"
        with pytest.raises(Unanswered):
            next(lines)


def test_a_stream_that_is_not_in_chunks_after_all_is_broken(server: FakeApiServer, api: Api) -> None:
    send(server, [CHUNKED, frame(b"whole\n"), b"no size\r\n"])
    with watch(api) as stream, pytest.raises(Unanswered):
        list(stream.lines(5))


def test_bytes_that_trickle_in_are_no_sign_of_life(server: FakeApiServer, api: Api) -> None:
    server.trickle("watch", b"x" * 60, every=0.02)
    began = time.monotonic()
    with watch(api, 0.2) as stream, pytest.raises(Silent):
        list(stream.lines(0.2))
    assert time.monotonic() - began >= 0.2
