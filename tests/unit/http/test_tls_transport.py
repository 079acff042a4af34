"""TLS over a TCP transport: real handshakes, whatever the pieces, and little memory for each connection."""

import asyncio
import gc
import ssl
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.certificates import FIRST, Mounted
from tests.support.examples import examples
from tests.support.http import FakeServer, dispatcher
from tests.support.replica import ready
from webhook.http.connection import Connection
from webhook.http.tls_transport import Secured, TlsTransport


class Above:
    """The protocol above: keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.read = b""
        self.transport: Any = None

    def accepted(self, _: asyncio.Transport) -> None:
        self.told.append("accepted")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, _: Exception | None) -> None:
        self.told.append("lost")


class Tcp(asyncio.Transport):
    """The transport below: keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1)})
        self.written, self.ended, self.closed = b"", False, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        assert not self.closed
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


class Pair:
    """A server's connection and its client, without a socket between them."""

    def __init__(self, context: ssl.SSLContext, protocol: Secured | None = None) -> None:
        self.above, self.tcp = Above(), Tcp()
        self.tls = TlsTransport(context, protocol or self.above)
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = trusting.wrap_bio(self.incoming, self.outgoing)
        self.tls.connection_made(self.tcp)

    def shake(self) -> None:
        for _ in range(5):
            with suppress(ssl.SSLWantReadError):
                self.client.do_handshake()
            self.to_server()
            self.incoming.write(self.tcp.written)
            self.tcp.written = b""
        assert self.above.told == ["accepted", "made"]

    def to_server(self, size: int = 1 << 20) -> None:
        data = self.outgoing.read()
        for at in range(0, len(data), size):
            self.tls.data_received(data[at : at + size])

    def hear(self) -> bytes:
        self.incoming.write(self.tcp.written)
        self.tcp.written = b""
        heard = b""
        with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while data := self.client.read(1 << 16):
                heard += data
        return heard


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ssl.SSLContext]:
    folder: Path = tmp_path_factory.mktemp("tls")
    files = Mounted(folder / "tls.crt", folder / "tls.key")
    files.write(FIRST)
    serving = files.serving()  # which its context calls back
    yield serving.context()
    serving.refresh(0)


@pytest.fixture
def pair(context: ssl.SSLContext) -> Pair:
    made = Pair(context)
    made.shake()
    return made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=examples(30))
@given(st.lists(st.integers(1, 40_000), max_size=5), st.integers(1, 70_000))
def test_what_is_sent_arrives_whatever_the_pieces(context: ssl.SSLContext, sizes: list[int], piece: int) -> None:
    made, sent = Pair(context), b""
    made.shake()
    for number, size in enumerate(sizes):
        text = bytes([number]) * size
        made.client.write(text)
        sent += text
    made.to_server(piece if sum(sizes) < 500 * piece else 1 << 20)
    assert made.above.read == sent
    made.tls.write(sent)
    assert made.hear() == sent


def test_a_handshake_may_come_byte_by_byte(context: ssl.SSLContext) -> None:
    made = Pair(context)
    with pytest.raises(ssl.SSLWantReadError):
        made.client.do_handshake()
    made.to_server(1)
    made.incoming.write(made.tcp.written)
    made.tcp.written = b""
    made.client.do_handshake()
    made.client.write(b"with the last flight")
    made.to_server(1)
    assert (made.above.told, made.above.read) == (["accepted", "made"], b"with the last flight")


@pytest.mark.parametrize("text", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00" * 20_000])
def test_what_is_no_handshake_ends_it(context: ssl.SSLContext, text: bytes) -> None:
    made = Pair(context)
    made.tls.data_received(text)
    assert (made.tcp.closed, made.above.told) == (True, ["accepted"])
    made.tls.connection_lost(None)
    assert made.above.told == ["accepted", "lost"]


def test_a_record_that_was_tampered_with_ends_it(pair: Pair) -> None:
    pair.client.write(b"text")
    data = pair.outgoing.read()
    pair.tls.data_received(data[:-1] + bytes([data[-1] ^ 1]))
    assert (pair.tcp.closed, pair.above.read) == (True, b"")


def test_the_goodbye_is_said_and_returned(pair: Pair) -> None:
    pair.tls.write(b"answer")
    pair.tls.close()
    assert (pair.tcp.ended, pair.tcp.closed) == (True, False), "what is under way must not meet a closed socket"
    assert pair.hear() == b"answer"
    pair.client.write(b"more")
    pair.to_server()
    pair.tls.write(b"nobody hears this")
    assert pair.above.read == b""
    pair.client.unwrap()
    pair.to_server()
    assert pair.tcp.closed


def test_a_goodbye_of_the_peers_is_returned_at_once(pair: Pair) -> None:
    pair.client.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        pair.client.unwrap()
    pair.to_server()
    assert (pair.above.read, pair.tcp.closed) == (b"last", True)
    assert pair.tls.is_closing()
    pair.incoming.write(pair.tcp.written)
    pair.client.unwrap()


def test_what_slows_tcp_is_told_above_only_after_the_handshake(context: ssl.SSLContext) -> None:
    made = Pair(context)
    made.tls.pause_writing()
    made.tls.resume_writing()
    assert made.above.told == ["accepted"]
    made.shake()
    made.tls.pause_writing()
    made.tls.resume_writing()
    assert made.above.told[2:] == ["pause", "resume"]


def test_what_is_lost_is_freed_at_once(context: ssl.SSLContext) -> None:
    async def script() -> list[weakref.ref[Any]]:
        server = FakeServer(dispatcher(ready().admission))
        made = Connection(server, server.table, secure=True)
        server.table.add(made, "127.0.0.1")
        pair = Pair(context, made)
        with suppress(ssl.SSLWantReadError):
            pair.client.do_handshake()
        pair.to_server()
        pair.incoming.write(pair.tcp.written)
        pair.client.do_handshake()
        pair.client.write(
            b"GET /healthz HTTP/1.1\r\n\r\nPOST /validate HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b" " * 50_000
        )
        pair.to_server()
        assert server.room.held > 0
        pair.tls.connection_lost(None)
        assert (server.room.held, len(server.table)) == (0, 0)
        return [weakref.ref(each) for each in (made, pair.tls, pair.tls._tls)]

    gc.collect()
    gc.disable()
    try:
        assert [each() for each in asyncio.run(script())] == [None] * 3
    finally:
        gc.enable()


def test_buffers_stay_small_however_much_has_passed(pair: Pair) -> None:
    """The BIOs are emptied piece by piece, so they never grow beyond one."""
    largest = 0

    class Watched:
        def __init__(self, bio: ssl.MemoryBIO) -> None:
            self.bio = bio

        def __getattr__(self, name: str) -> Any:
            return getattr(self.bio, name)

        def write(self, data: memoryview) -> int:
            nonlocal largest
            written = self.bio.write(data)
            largest = max(largest, self.bio.pending)
            return written

    pair.tls._incoming = Watched(pair.tls._incoming)  # type: ignore[assignment]
    pair.client.write(b" " * 1_000_000)
    pair.to_server(256_000)
    assert len(pair.above.read) == 1_000_000
    assert largest <= 8 << 10
