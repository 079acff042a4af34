"""The proxy that leads what an API server asks of Services and pods to processes on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.docs.egress import Egress


@pytest.fixture
def egress(tmp_path: Path) -> Iterator[Egress]:
    proxy = Egress(tmp_path)
    yield proxy
    proxy.stop()


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says once what it was told, in capitals; its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(100).upper())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]


def ask(egress: Egress, address: str) -> socket.socket:
    """Connect as the API server does, which sends nothing more before it has an answer."""
    [flag] = egress.flags
    selector = yaml.safe_load(Path(flag.partition("=")[2]).read_text())
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30.0)
    connection.connect(selector["egressSelections"][0]["connection"]["transport"]["uds"]["udsName"])
    connection.sendall(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    return connection


def all_of(connection: socket.socket) -> bytes:
    told = b""
    while data := connection.recv(100):
        told += data
    return told


def test_a_port_that_leads_somewhere(egress: Egress, echo: int) -> None:
    egress.routes = {443: echo}
    with ask(egress, "10.0.0.17:443") as connection:
        assert connection.recv(100) == b"HTTP/1.1 200 OK\r\n\r\n"
        connection.sendall(b"hello")
        assert all_of(connection) == b"HELLO"


def test_a_port_that_leads_nowhere_and_one_where_nobody_listens(egress: Egress) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        egress.routes = {443: gone.getsockname()[1]}
    for address in ("10.0.0.17:443", "10.0.0.17:444"):
        with ask(egress, address) as connection:
            assert all_of(connection).startswith(b"HTTP/1.1 502 ")
