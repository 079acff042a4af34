"""Reads a chunked body in batches: all that has arrived since the last batch, at once.

The API server sends each event of a watch by itself, and waking a thread for each event costs far more than processing
it. So once the reader has taken all that was there, it waits a moment before the next batch, and then takes all that
has arrived meanwhile.
"""

import re
import select
import socket
import ssl
from collections.abc import Callable

from webhook.kube.throttle import ReadThrottle

_RECORD = 1 << 14  # bytes; the most that a TLS record carries, and so the most that one call returns
_LONGEST_FRAME = 1 << 12
_FRAME = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;.*)?", re.DOTALL)
_NOTHING_THERE = (BlockingIOError, ssl.SSLWantReadError)


class Chunks:
    """Removes the framing of a chunked body (RFC 9112, 7.1) from a stream, which may come in any pieces."""

    def __init__(self) -> None:
        self._left = 0  # bytes still to come of the current chunk and of the line break after it
        self._frame = b""  # the beginning of the line with the size of the next chunk
        self.ended = False

    def body(self, stream: bytes) -> bytes:
        """Return the bytes of the body in the next piece of the stream; raises ValueError if its framing is wrong.

        What follows the last chunk is dropped: trailers are not used, and the connection is not used again.
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
    """Read the size of a chunk: hexadecimal digits, optionally with an extension."""
    if (found := _FRAME.fullmatch(frame)) is None:
        raise ValueError(f"not the size of a chunk: {frame[:40]!r}")
    return int(found[1], 16)


class BatchedReader:
    """Reads the rest of a chunked body from its connection; `begun` is what was read of it before.

    `pause` is waited between the last read of a batch and the first read of the next. It delays nothing that arrives
    after a longer silence, and nothing while bytes arrive faster than they are read. `clock` is in seconds.
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
        self._came = 0  # bytes of this batch so far
        self._drained = False  # False at first: TLS may hold bytes that it read with the headers, which `poll` misses

    def read(self, deadline: float) -> bytes:
        """Return the next bytes of the body, at least one; empty at the end of the body.

        Raises TimeoutError if nothing arrives before the deadline, another OSError if the connection breaks, and
        ValueError if the body is not chunked correctly.
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
            raise TimeoutError("nothing was received for too long")

    def _next(self) -> bytes:
        """Return what one call to `recv` brings; empty if nothing is there."""
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
