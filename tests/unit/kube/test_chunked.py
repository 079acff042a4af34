"""Bodies in gulps: the same bytes however they come, many at once when they come fast, and never held back for long."""

import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pieces import pieces
from webhook.kube.chunked import BatchedReader, Chunks
from webhook.kube.throttle import ReadThrottle

PAUSE = 0.01


@st.composite
def framed(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draw a body, and the stream that carries it."""
    body = draw(st.binary(max_size=200) | st.text("\r\n0a;", max_size=60).map(str.encode))
    chunks = [chunk for chunk in pieces(body, draw(st.lists(st.integers(0), max_size=8))) if chunk]
    size = st.sampled_from(["%x", "%X", "0%x", "%x;a=b", '%x ;q="x"', "%x "])
    frames = [draw(size).encode() % len(chunk) + b"\r\n" + chunk + b"\r\n" for chunk in chunks]
    return body, b"".join(frames) + draw(st.sampled_from([b"0\r\n\r\n", b"000\r\n\r\n", b"0;x\r\nA: b\r\n\r\n"]))


class Wire:
    """A connection whose one end is read in gulps; its clock moves only when the reader sleeps, or is told to."""

    def __init__(self, begun: bytes = b"", pause: float = PAUSE, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.peer, self.sock = socket.socketpair()
        self.now = 0.0
        self.slept: list[float] = []
        self.meanwhile = meanwhile
        self.gulps = BatchedReader(self.sock, begun, ReadThrottle(pause, sleep=self._sleep), lambda: self.now)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.meanwhile()

    def send(self, *chunks: bytes) -> None:
        """Send chunks, each by itself."""
        for chunk in chunks:
            self.peer.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    def read(self, seconds: float = 5.0) -> bytes:
        """Read a gulp."""
        return self.gulps.read(self.now + seconds)


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.peer.close()
    made.sock.close()


@given(framed(), st.lists(st.integers(0), max_size=12))
def test_a_body_is_the_same_however_its_stream_is_cut(drawn: tuple[bytes, bytes], cuts: list[int]) -> None:
    body, stream = drawn
    chunks = Chunks()
    assert b"".join(map(chunks.body, pieces(stream, cuts))) == body
    assert chunks.ended
    assert chunks.body(b"of somebody else") == b""


@given(framed(), st.lists(st.integers(0), max_size=12), st.data())
def test_a_body_is_the_same_however_it_is_read(
    drawn: tuple[bytes, bytes], cuts: list[int], data: st.DataObject
) -> None:
    body, stream = drawn
    begun, *others = pieces(stream, cuts)
    wire = Wire(begun)
    with wire.peer, wire.sock:
        read = b""
        for piece in others:
            wire.peer.sendall(piece)
            if data.draw(st.booleans()):
                try:
                    read += wire.read(0)
                except TimeoutError:
                    continue  # none of the body was in what was sent since the last read
        while more := wire.read(0):
            read += more
        assert read == body


@pytest.mark.parametrize(
    "stream", [b"\r\n", b"-5\r\nx", b"0x5\r\n", b"x\r\n", b";\r\n", b"1\r\nab\r\n0\r\n", b"0" * 5000]
)
def test_what_is_no_chunked_body_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match="size"):
        Chunks().body(stream)


def test_what_comes_after_silence_is_read_at_once(wire: Wire) -> None:
    for body in (b"first", b"second"):
        wire.send(body)
        assert wire.read() == body
        wire.now += PAUSE
    assert wire.slept == []


def test_what_comes_during_the_pause_is_read_in_one_gulp(wire: Wire) -> None:
    wire.send(b"first")
    assert wire.read() == b"first"
    wire.now += 0.004
    wire.meanwhile = lambda: wire.send(b"second", b"third")
    assert wire.read() == b"secondthird"
    assert wire.slept == [pytest.approx(0.006)]


def test_without_a_pause_nothing_sleeps() -> None:
    wire = Wire(pause=0)
    with wire.peer, wire.sock:
        for _ in range(3):
            wire.send(b"x")
            assert wire.read() == b"x"
        assert wire.slept == []


def test_what_was_read_with_the_headers_comes_first() -> None:
    begun = Wire(b"5\r\nfir")
    with begun.peer, begun.sock:
        begun.peer.sendall(b"st\r\n3\r\nxyz\r\n")
        assert begun.read() + begun.read() == b"firstxyz"


def test_what_comes_faster_than_it_is_read_is_not_held_back(wire: Wire) -> None:
    body = b"x" * 100_000
    wire.send(body)
    read = b""
    while len(read) < len(body):
        read += wire.read()
    assert read == body
    assert wire.slept == []


def test_silence_is_told_at_the_deadline(wire: Wire) -> None:
    wire.send(b"x")
    assert wire.read() == b"x"
    with pytest.raises(TimeoutError):
        wire.read(0.05)


def test_a_frame_alone_is_nothing_that_was_read(wire: Wire) -> None:
    wire.peer.sendall(b"1")
    with pytest.raises(TimeoutError):
        wire.read(0.05)
    wire.peer.sendall(b"\r\nx\r\n")
    assert wire.read() == b"x"


def test_a_connection_that_ends_in_the_middle_is_broken_after_what_has_come(wire: Wire) -> None:
    wire.send(b"x")
    wire.peer.close()
    assert wire.read() == b"x"
    for _ in range(2):
        with pytest.raises(ConnectionError, match="in the middle of the body"):
            wire.read()


def test_what_was_read_with_the_headers_counts_though_the_connection_has_ended() -> None:
    wire = Wire(b"1\r\nx\r\n")
    with wire.sock:
        wire.peer.close()
        assert wire.read() == b"x"
        with pytest.raises(ConnectionError):
            wire.read()


def test_the_end_of_the_body_is_not_that_of_the_connection(wire: Wire) -> None:
    wire.send(b"x", b"")
    assert wire.read() == b"x"
    assert wire.read() == b""
    assert wire.read() == b""
