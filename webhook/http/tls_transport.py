"""TLS between a TCP transport and a protocol, with almost no memory for each connection.

uvloop, like asyncio, gives each TLS connection a buffer of 256 KiB, and OpenSSL's memory BIOs keep the largest size
that they ever had: 780 peers that send 256 KiB each cost 280 MiB. Here all connections read through the one buffer that
the event loop has for TCP, and all bytes pass through OpenSSL in pieces of 8 KiB. OpenSSL frees its own buffers while a
connection is idle (SSL_MODE_RELEASE_BUFFERS, which Python sets).
"""

import asyncio
import logging
import ssl
from contextlib import suppress
from typing import Any, Protocol, cast

log = logging.getLogger(__name__)

_PIECE = 8 << 10  # bytes; the most that a BIO holds and that is encrypted in one step; most reviews are smaller
_RECORD = 16 << 10  # bytes; the most that a TLS record holds


class Secured(Protocol):
    """The protocol above TLS: an asyncio protocol that also learns when the TCP connection is accepted."""

    def accepted(self, transport: asyncio.Transport) -> None:
        """The TCP connection is open, and the handshake begins."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""

    def data_received(self, data: bytes) -> None:
        """Take the decrypted bytes that have arrived."""

    def pause_writing(self) -> None:
        """The peer is too slow to read."""

    def resume_writing(self) -> None:
        """The peer has read."""

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is lost, before or after the handshake."""


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """One connection of the server: a protocol for the TCP transport below, a transport for the protocol above.

    Only the event loop's thread may call it.
    """

    def __init__(self, context: ssl.SSLContext, protocol: Secured) -> None:
        super().__init__()
        self._protocol = protocol
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._tcp: asyncio.Transport | None = None
        self._shaken = self._closing = self._ended = False  # _ended: nothing more can be sent

    # -- called by the event loop --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._tcp = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from it
        self._protocol.accepted(self)

    def data_received(self, data: bytes) -> None:
        """Decrypt what has arrived, and pass it on."""
        read = list[bytes]()
        try:
            if len(data) <= _PIECE:
                over = self._take(data, read)
            else:
                view = memoryview(data)
                over = any(self._take(view[at : at + _PIECE], read) for at in range(0, len(data), _PIECE))
        except (ssl.SSLError, ValueError) as error:
            self._fail(error)
            return
        if read and not self._closing:
            self._protocol.data_received(read[0] if len(read) == 1 else b"".join(read))
        if self._outgoing.pending:
            self._flush()
        if over:
            self.close()
            self._close_tcp()

    def eof_received(self) -> None:
        """Let the TCP transport close itself: nothing can follow."""

    def pause_writing(self) -> None:
        """Pass it on."""
        if self._shaken:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        if self._shaken:
            self._protocol.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Pass it on."""
        self._closing = self._ended = True
        self._tcp = None
        self._protocol.connection_lost(error)

    def _take(self, piece: bytes | memoryview, read: list[bytes]) -> bool:
        """Decrypt a piece; say whether the peer has closed the TLS connection (close_notify)."""
        incoming = self._incoming
        incoming.write(piece)
        try:
            if not self._shaken:
                self._shake_hands()
            while incoming.pending:  # a complete record is read at once: OpenSSL holds back none
                data = self._tls.read(_RECORD)
                if not data:
                    return True
                read.append(data)
        except ssl.SSLWantReadError:
            pass  # the rest of a record, or of a handshake, is still to come
        except ssl.SSLZeroReturnError:
            return True
        return False

    def _shake_hands(self) -> None:
        self._tls.do_handshake()
        self._shaken = True
        self._flush()
        self._protocol.connection_made(self)

    def _flush(self) -> None:
        if self._outgoing.pending and self._tcp is not None and not self._ended:
            self._tcp.write(self._outgoing.read())

    def _fail(self, error: Exception) -> None:
        """End a connection after a TLS error; an alert tells the peer why."""
        if isinstance(error, ssl.SSLCertVerificationError):
            log.warning("refused a client's certificate: %s", error.verify_message)  # perhaps the API server's
        else:
            log.debug("%s failed: %s", "a connection over TLS" if self._shaken else "a handshake", error)
        self._closing = True
        self._flush()
        self._close_tcp()

    def _close_tcp(self) -> None:
        self._ended = True
        if self._tcp is not None:
            self._tcp.close()

    # -- called by the protocol ----------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return `ssl_object`, or what the TCP transport returns."""
        if name == "ssl_object":
            return self._tls
        return default if self._tcp is None else self._tcp.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._closing or self._tcp is None:
            return
        if len(data) <= _PIECE:
            self._tls.write(data)
            self._tcp.write(self._outgoing.read())
            return
        view, out = memoryview(data), list[bytes]()
        for at in range(0, len(data), _PIECE):
            self._tls.write(view[at : at + _PIECE])
            out.append(self._outgoing.read())
        self._tcp.write(b"".join(out))

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the TCP transport still has to send."""
        return 0 if self._tcp is None else self._tcp.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Stop reading."""
        if self._tcp is not None:
            self._tcp.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._tcp is not None:
            self._tcp.resume_reading()

    def close(self) -> None:
        """Send close_notify. The connection is lost once the peer has sent its own or has closed TCP."""
        if self._closing or self._tcp is None:
            return
        self._closing = True
        with suppress(ssl.SSLError, ValueError):  # unwrap sends it, then wants the peer's
            self._tls.unwrap()
        self._flush()
        self._ended = True
        if not self._tcp.is_closing():
            self._tcp.write_eof()

    def is_closing(self) -> bool:
        """Return whether the connection is closing."""
        return self._closing

    def abort(self) -> None:
        """Cut it off at once."""
        self._closing = True
        if self._tcp is not None:
            self._tcp.abort()
