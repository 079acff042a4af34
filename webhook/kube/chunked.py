"""Gulps: whatever has come of a chunked body since the last look, taken in one go.

The API server sends each event of a watch by itself, and to be woken for each costs far more than to take it in. So
once all that was there is taken, the next look comes no sooner than a moment later, and finds all that came meanwhile.
"""

import re
import select
import socket
import ssl
from collections.abc import Callable

from webhook.kube.throttle import ReadThrottle

_RECORD = 1 << 14  # the most that a TLS record carries, and so what one call can bring
_LONGEST_FRAME = 1 << 12
_FRAME = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;.*)?", re.DOTALL)
_NOTHING_THERE = (BlockingIOError, ssl.SSLWantReadError)


class Chunks:
    """Takes the framing of a chunked body off (RFC 9112, 7.1), however the stream is cut into pieces."""

    def __init__(self) -> None:
        self._left = 0  # bytes of the chunk that is being read, and of the line's end after it
        self._frame = b""  # the beginning of the line with the size of the next
        self.ended = False

    def body(self, stream: bytes) -> bytes:
        """Return the bytes of the body in the next piece of the stream; raises ValueError where it is no such stream.

        What follows the last chunk is left out: nobody reads trailers, and the connection is not used again.
        """
        if self._frame:
            stream, self._frame = self._frame + stream, b""
        pieces = []
        at = 0
        while at < len(stream) and not self.ended:
            if not self._left:
                end = stream.find(b"\r\n", at)
                if end < 0:
                    self._frame = _short(stream[at:])
                    break
                size = _size(stream[at:end])
                at, self._left, self.ended = end + 2, size + 2, not size
            after = at + self._left
            pieces.append(stream[at : max(at, after - 2)])
            at, self._left = after, max(0, after - len(stream))
        return b"".join(pieces)


def _short(frame: bytes) -> bytes:
    if len(frame) > _LONGEST_FRAME:
        raise ValueError("a chunk without its size")
    return frame


def _size(frame: bytes) -> int:
    """Read the size of a chunk: hexadecimal digits, perhaps with an extension."""
    if (found := _FRAME.fullmatch(frame)) is None:
        raise ValueError(f"no size of a chunk: {frame[:40]!r}")
    return int(found[1], 16)


class BatchedReader:
    """Reads the rest of a chunked body from its connection, of which `begun` was read already.

    `pause` lies between the last read of a gulp and the first of the next. It holds back nothing that comes after a
    longer silence, and nothing of what comes faster than it is taken. `clock` in seconds.
    """

    def __init__(
        self,
        sock: socket.socket,
        begun: bytes,
        pause: ReadThrottle,
        clock: Callable[[], float],
    ) -> None:
        sock.settimeout(0)
        self._sock = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._chunks = Chunks()
        self._begun = begun
        self._pause = pause
        self._clock = clock
        self._read_at = float("-inf")
        self._came = 0  # bytes of this gulp so far
        self._drained = False  # TLS may hold what it has read with the headers, which `poll` does not see

    def read(self, deadline: float) -> bytes:
        """Return the next bytes, at least one, or nothing at the end of the body.

        Raises TimeoutError when nothing has come until the deadline, other OSErrors when the connection breaks, and
        ValueError for what is no chunked body.
        """
        body = b""
        while not body and not self._chunks.ended:
            if self._drained:
                self._wait(deadline)
            body = self._chunks.body(self._next())
        self._read_at = self._clock()
        return body

    def _wait(self, deadline: float) -> None:
        now = self._clock()
        self._pause.wait(now - self._read_at, self._came)
        self._came = 0
        if not self._poll.poll(max(0.0, deadline - now) * 1000):
            raise TimeoutError("nothing came for too long")

    def _next(self) -> bytes:
        """Return what one call brings; nothing if there is nothing."""
        if self._begun:
            begun, self._begun = self._begun, b""
            return begun
        try:
            piece = self._sock.recv(_RECORD)
        except _NOTHING_THERE:
            self._drained = True
            return b""
        if not piece:
            raise ConnectionError("the connection ended in the middle of the body")
        self._drained = False
        self._came += len(piece)
        return piece
