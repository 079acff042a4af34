"""Starts a server process (replica_main.py) and talks to it, as its parent and as a client."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Self

from devcluster.ports import free_port
from tests.support.certificates import FIRST, Mounted
from tests.support.replica_main import BOOK, WAITING
from webhook.http.listeners import Limits

WAITS = "7Gi"  # a review that asks for this much waits for a booking


@cache
def _trusting(protocols: tuple[str, ...], certificate: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificate is not None:
        context.load_cert_chain(certificate)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


class Process:
    """The process, and what its parent can see of it."""

    def __init__(self, folder: Path, limits: Limits, host: str, *, hold: bool) -> None:
        files = Mounted(folder / "tls.crt", folder / "tls.key")
        files.write(FIRST)
        self.port, self.plain_port = free_port(), free_port()
        self.log = folder / "log"
        address = f"[{host}]" if ":" in host else host
        command = [
            *(sys.executable, "-W", "error", "-m", "tests.support.replica_main", str(folder), *(["--hold"] * hold)),
            *(f"--listen={address}:{self.port}", f"--plain={address}:{self.plain_port}"),
            *(f"--limits={','.join(map(str, limits))}",),
        ]
        with self.log.open("wb") as log:
            self._popen = subprocess.Popen(command, stdout=log, stderr=log)
        self._host = host
        self._folder = folder

    def wait_until_it_serves(self) -> None:
        """Wait until it answers; from then on it also handles signals."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self._popen.poll() is None, self.log.read_text()
            try:
                with Client(self, secure=False) as client:
                    if client.ask()[0] == 200:  # before, the reviews' loop does not run yet
                        return
            except ConnectionRefusedError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"it does not listen: {self.log.read_text()}")

    def await_waiting(self, count: int = 1) -> None:
        """Wait until `count` reviews wait for a booking."""
        deadline = time.monotonic() + 30
        while len(list(self._folder.glob(f"{WAITING}-*"))) < count:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)

    def book(self) -> None:
        """Let it book from now on; for a process that was started with `hold`."""
        (self._folder / BOOK).touch()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def wait(self, seconds: float = 30.0) -> int:
        """Return its exit code."""
        return self._popen.wait(seconds)

    def end(self) -> None:
        """Kill the process if it still runs."""
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait(5)

    @property
    def descriptors(self) -> int:
        """Return how many files and sockets the process has open."""
        return len(os.listdir(f"/proc/{self._popen.pid}/fd"))  # noqa: PTH208 - only their number matters

    def settled_descriptors(self) -> int:
        """Return `descriptors` once the number no longer changes."""
        found = self.descriptors
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            time.sleep(0.2)
            before, found = found, self.descriptors
            if before == found:
                break
        return found

    def comes_down_to(self, descriptors: int, seconds: float) -> bool:
        """Say whether the number of open descriptors falls to `descriptors` within `seconds`."""
        deadline = time.monotonic() + seconds
        while self.descriptors > descriptors and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.descriptors == descriptors

    def connect(self, port: int | None = None) -> socket.socket:
        """Open a connection and send nothing."""
        return socket.create_connection((self._host, port or self.port), timeout=30)

    def shake_hands(self, *protocols: str, certificate: Path | None = None) -> ssl.SSLSocket:
        """Open a TLS connection and send nothing more; `certificate` is a file with a client's certificate and key."""
        context = _trusting(protocols, certificate)
        sock = self.connect()
        try:
            return context.wrap_socket(sock)
        except BaseException:
            sock.close()
            raise

    def client(self, certificate: Path | None = None) -> "Client":
        """Make a client with one connection, which it keeps."""
        return Client(self, certificate=certificate)


class Client:
    """A well-behaved client with one connection; an API server has many such connections."""

    def __init__(self, process: Process, *, secure: bool = True, certificate: Path | None = None) -> None:
        port = process.port if secure else process.plain_port
        self._http = HTTPConnection("127.0.0.1", port, timeout=30)
        self._http.auto_open = 0  # a closed connection must not be replaced
        self.sock = self._http.sock = process.shake_hands(certificate=certificate) if secure else process.connect(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def ask(
        self, method: str = "GET", path: str = "/healthz", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Send a request over this connection; return the status and the body."""
        answer = self.request(method, path, body, **headers)
        return answer.status, answer.read()

    def review(self, body: bytes) -> tuple[int, bytes]:
        """Send a review; return the status and the body of the answer."""
        return self.ask("POST", "/validate?timeout=30s", body)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> HTTPResponse:
        """Send a request; the caller must read the body of the response."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self._http.request(method, path, body, {"Content-Type": "application/json", **named})
        return self._http.getresponse()


def read_until_closed(sock: socket.socket, seconds: float) -> bytes:
    """Return what the other side sends before it closes the connection, which must happen within `seconds`."""
    deadline = time.monotonic() + seconds
    data = b""
    while True:
        sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            chunk = sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return data
        if not chunk:
            return data
        data += chunk


@contextmanager
def serving(
    folder: Path, limits: Limits | None = None, *, hold: bool = False, host: str = "127.0.0.1"
) -> Iterator[Process]:
    """Run the process, and check that it logs no error. With `hold`, it books nothing until `Process.book`."""
    process = Process(folder, limits or Limits(), host, hold=hold)
    try:
        process.wait_until_it_serves()
        yield process
    finally:
        process.end()
    said = process.log.read_text()
    assert "Traceback" not in said, said
    assert "rror" not in said, said
