"""Responses of the Kubernetes API: a body that is read as it arrives, or the error that a response stands for."""
# ruff: noqa: N818 - the errors have the names of HTTP and of the API, which every reader knows without a suffix

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.client import HTTPException
from threading import Lock
from types import TracebackType
from typing import Self

import msgspec
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from webhook.kube.chunked import BatchedReader
from webhook.kube.throttle import NO_THROTTLE, ReadThrottle

LONGEST_LINE = 16 << 20  # bytes; an API object has at most about 3 MiB, so a longer line is not an event
_CHUNK = 1 << 16


class KubeError(Exception):
    """A call to the Kubernetes API failed."""


class Unconfigured(KubeError):
    """No cluster is known: the kubeconfig or the pod's service account cannot be used."""


class Unreachable(KubeError):
    """There was no connection, or no credentials: the request was not carried out."""


class Unanswered(Unreachable):
    """The request was sent, but its response did not arrive in full: it may have been carried out."""


class Silent(Unanswered):
    """An open stream brought nothing for too long, so that a half-open connection does not look alive."""


_SECRET = re.compile(r"/[0-9a-f]{64}\b")
"""The part of a webhook's path that only the API server knows: it names the URL of a webhook that it cannot call."""


class ApiError(KubeError):
    """The API server refused: `status` is the HTTP code, `reason` that of its Status, `retry_after` is in seconds."""

    def __init__(self, status: int, reason: str, message: str, retry_after: float = 0.0) -> None:
        shown = _SECRET.sub("/...", " ".join(message.split()))  # errors are logged, and some become Events
        super().__init__(f"{status} {reason}: {shown[:400]}")
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: the object has changed meanwhile (`reason` Conflict), or the name is taken (AlreadyExists)."""


class Gone(ApiError):
    """410: the revision or the continue token is too old; list again."""


class Terminating(ApiError):
    """403: the namespace is being deleted, and accepts no new objects."""


_REFUSALS: Mapping[int, type[ApiError]] = {404: NotFound, 409: Conflict, 410: Gone}


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct, rename="camel"):
    retry_after_seconds: float = 0.0
    causes: tuple[_Cause, ...] = ()


class _Status(msgspec.Struct):
    code: int = 0
    reason: str = ""
    message: str = ""
    details: _Details | None = None


_status_decoder = msgspec.json.Decoder(_Status)


def refusal(body: bytes | msgspec.Raw, http_status: int = 0, retry_after: str = "") -> ApiError:
    """Return the error that a `Status` object stands for.

    If the body is not a `Status`, for example because a proxy sent it, its text becomes the message.
    """
    try:
        status = _status_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        status = _Status()
    if not status.message:  # it is not a Status, but what something behind a proxy said
        status = msgspec.structs.replace(status, message=bytes(body)[:400].decode(errors="replace"))
    code = http_status or status.code
    # The header may also carry a date; the API server sends seconds.
    seconds = float(retry_after) if retry_after.isdecimal() else 0.0
    seconds = seconds or (status.details.retry_after_seconds if status.details else 0.0)
    return _kind(code, status)(code, status.reason or "Unknown", status.message, seconds)


def _kind(code: int, status: _Status) -> type[ApiError]:
    if status.details is not None and _Cause("NamespaceTerminating") in status.details.causes:
        return Terminating
    return _REFUSALS.get(code, ApiError)


class Stream:
    """The body of one response, read by one thread as it arrives. Any thread may `close` it, which wakes the reader."""

    def __init__(self, response: BaseHTTPResponse, clock: Callable[[], float]) -> None:
        self.response = response
        self._clock = clock
        self._closed = False
        self._lock = Lock()
        # A second descriptor of the same connection: shutting it down wakes the reader without touching its TLS state.
        # A body that is complete already has no descriptor.
        self._wake = None if response.closed else socket.socket(fileno=os.dup(response.fileno()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.response.close()
        with self._lock:
            if self._wake is not None:
                self._wake.close()
                self._wake = None

    @property
    def closed(self) -> bool:
        """Whether `close` was called; if so, the body may have ended early."""
        return self._closed

    def close(self) -> None:
        """End the stream: its reader sees the end of the body at once."""
        with self._lock:
            self._closed = True
            if self._wake is not None:
                try:
                    self._wake.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # the peer has closed it already

    def rest(self, timeout: float) -> bytes:
        """Return the rest of the body; raises `Unanswered` if it takes longer than `timeout` seconds."""
        deadline = self._clock() + timeout
        chunks = []
        while chunk := self._take(self._read):
            chunks.append(chunk)
            if self._clock() > deadline:
                raise Unanswered(f"the body did not come within {timeout:g} s")
        if self._closed:
            raise Unanswered("the call was ended on this side")
        return b"".join(chunks)

    def lines(self, idle_timeout: float, pause: ReadThrottle = NO_THROTTLE) -> Iterator[bytes]:
        """Yield each line, without its newline, as soon as all of it has arrived.

        With a `pause`, lines that arrive soon after others wait for a while, so that the lines of a busy stream are
        read many at a time. Raises `Silent` if no line ends for `idle_timeout` seconds (bytes without a line's end do
        not count), and `Unanswered` if a line is longer than `LONGEST_LINE` or the stream breaks.
        """
        begun = bytearray()
        heard = self._clock()
        gulps = self._gulps(pause)
        while chunk := self._take(self._read if gulps is None else partial(gulps.read, heard + idle_timeout)):
            *lines, rest = chunk.split(b"\n")
            if not lines:
                begun += rest
                if len(begun) > LONGEST_LINE:
                    raise Unanswered(f"a line of more than {LONGEST_LINE >> 20} MiB")
                if self._clock() - heard > idle_timeout:
                    raise Silent(f"no line ended for {idle_timeout:g} s")
                continue
            if begun:
                lines[0] = bytes(begun + lines[0])
            begun = bytearray(rest)
            yield from lines
            heard = self._clock()
        if begun and not self._closed:
            raise Unanswered("the stream ended in the middle of a line")

    def _gulps(self, pause: ReadThrottle) -> BatchedReader | None:
        """Return a reader that bypasses urllib3, which makes far more calls; None if only urllib3 can read the body."""
        sock = getattr(self.response.connection, "sock", None)
        http = getattr(self.response, "_original_response", None)
        if not isinstance(sock, socket.socket) or http is None or not http.chunked:
            return None
        sock.settimeout(0)
        try:
            begun = http.fp.read1(_CHUNK)  # what was read with the headers
        except OSError:
            begun = b""  # nothing so far, or a fault that the first batch meets as well
        return BatchedReader(sock, begun, pause, self._clock)

    def _read(self) -> bytes:
        return self.response.read1(_CHUNK, decode_content=False)

    def _take(self, read: Callable[[], bytes]) -> bytes:
        """Return the next bytes, at least one; empty at the end of the body or once `close` was called."""
        try:
            chunk = read()
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            if self._closed:
                return b""
            raise (Silent if isinstance(error, ReadTimeoutError | TimeoutError) else Unanswered)(str(error)) from error
        return b"" if self._closed else chunk
