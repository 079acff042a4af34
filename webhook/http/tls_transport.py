"""TLS between a TCP transport and a protocol, with next to no memory of its own.

uvloop (as asyncio) gives each TLS connection a buffer of 256 KiB, and OpenSSL's memory BIOs keep the largest size that
they ever had: 780 peers that send 256 KiB each cost 280 MiB. Here all connections read by the one buffer that the loop
has for TCP, and what comes and goes passes through OpenSSL in pieces of 8 KiB. OpenSSL gives its own buffers back while
a connection is idle (SSL_MODE_RELEASE_BUFFERS, which Python sets).
"""

import asyncio
import logging
import ssl
from contextlib import suppress
from typing import Any, Protocol, cast

log = logging.getLogger(__name__)

_PIECE = 8 << 10  # bytes that a BIO holds at most, and that are encrypted at once; most reviews are smaller
_RECORD = 16 << 10  # bytes; what a record holds at most


class Secured(Protocol):
    """What is told of a connection over TLS, and what asyncio tells a protocol."""

    def accepted(self, transport: asyncio.Transport) -> None:
        """The TCP connection is there, and the handshake begins."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""

    def data_received(self, data: bytes) -> None:
        """Take what has come."""

    def pause_writing(self) -> None:
        """The peer is slow to read."""

    def resume_writing(self) -> None:
        """The peer has read."""

    def connection_lost(self, error: Exception | None) -> None:
        """It is over, before or after the handshake."""


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """One connection of the server: a protocol to the TCP transport, a transport to the protocol above. On the loop."""

    def __init__(self, context: ssl.SSLContext, protocol: Secured) -> None:
        super().__init__()
        self._protocol = protocol
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._tcp: asyncio.Transport | None = None
        self._shaken = self._closing = self._ended = False  # ended: nothing can be sent any longer

    # -- told by the loop ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._tcp = cast("asyncio.Transport", transport)  # uvloop's do not inherit from it
        self._protocol.accepted(self)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
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
        """Let the TCP transport close itself: nothing that comes after the end is of use."""

    def pause_writing(self) -> None:
        """Hand it on."""
        if self._shaken:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand it on."""
        if self._shaken:
            self._protocol.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand it on."""
        self._closing = self._ended = True
        self._tcp = None
        self._protocol.connection_lost(error)

    def _take(self, piece: bytes | memoryview, read: list[bytes]) -> bool:
        """Decrypt a piece; say whether the peer has said goodbye."""
        incoming = self._incoming
        incoming.write(piece)
        try:
            if not self._shaken:
                self._shake_hands()
            while incoming.pending:  # OpenSSL itself holds nothing back that is whole: a record is read at once
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
        """End a connection that does not speak TLS as it should; an alert tells the peer why."""
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

    # -- asked by the protocol -----------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Know the `ssl_object` besides what TCP knows."""
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
        """How many bytes the peer has yet to read."""
        return 0 if self._tcp is None else self._tcp.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Read nothing for now."""
        if self._tcp is not None:
            self._tcp.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._tcp is not None:
            self._tcp.resume_reading()

    def close(self) -> None:
        """Say goodbye. The connection is lost once the peer has returned it, or has hung up."""
        if self._closing or self._tcp is None:
            return
        self._closing = True
        with suppress(ssl.SSLError, ValueError):  # it is said, and to be returned
            self._tls.unwrap()
        self._flush()
        self._ended = True
        if not self._tcp.is_closing():
            self._tcp.write_eof()

    def is_closing(self) -> bool:
        """Whether the goodbye is said."""
        return self._closing

    def abort(self) -> None:
        """Cut it off."""
        self._closing = True
        if self._tcp is not None:
            self._tcp.abort()
