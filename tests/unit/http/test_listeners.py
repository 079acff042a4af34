"""Listeners: their addresses, their limits, and how long a stop waits. Peers that stall are in test_worker.py."""

import asyncio
import socket
from contextlib import closing

import pytest

from tests.support.http import dispatcher
from tests.support.replica import ready
from webhook.http.connection import Connection
from webhook.http.connection_table import ConnectionTable
from webhook.http.listeners import Limits, Listener, Listeners, address, listen
from webhook.http.parser import BodyBudget
from webhook.http.pulse import Pulse


def test_the_pulse_beats_while_it_serves_and_ends_when_it_stops() -> None:
    pulse, seen = Pulse(), list[float | None]()

    async def run() -> None:
        sock = listen("127.0.0.1", 0)
        listener = Listener(sock, ConnectionTable[Connection](4, 4))
        loop = asyncio.get_running_loop()
        listeners = Listeners(loop, dispatcher(ready().admission), [listener], Limits(), BodyBudget(), pulse=pulse)
        serving = loop.create_task(listeners.serve(lambda: len(seen) < 3, lambda: False))
        for _ in range(3):
            await asyncio.sleep(0.11)
            seen.append(pulse.age())
        await serving
        assert not listeners.alive
        assert sock.fileno() == -1

    asyncio.run(run())
    assert all(age is not None and age < 5 for age in seen)
    assert pulse.age() is None


def test_several_listeners_share_a_loop() -> None:
    async def run() -> None:
        socks = [listen("127.0.0.1", 0) for _ in range(2)]
        made = [Listener(sock, ConnectionTable[Connection](4, 4)) for sock in socks]
        loop, going_on = asyncio.get_running_loop(), asyncio.Event()
        listeners = Listeners(loop, dispatcher(ready().admission), made, Limits(), BodyBudget())
        serving = loop.create_task(listeners.serve(lambda: not going_on.is_set(), lambda: True))
        for sock in socks:
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            writer.close()
        going_on.set()
        await serving

    asyncio.run(run())


def test_a_socket_listens_without_blocking_and_with_a_small_buffer() -> None:
    with closing(listen("127.0.0.1", 0)) as sock:
        assert not sock.getblocking()
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 128 << 10


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("0.0.0.0:8443", "0.0.0.0", 8443), ("[::]:1", "::", 1), ("localhost:65535", "localhost", 65535)],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int) -> None:
    assert address(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", ":8443", "8443", "host", "host:", "host:x", "host:0", "host:65536", "::1:8443", "h:-1"]
)
def test_what_is_no_address_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address: write host:port, such as"):
        address(text)


def test_the_limits_outlast_gos_idle_time() -> None:
    assert Limits() == Limits(connections=800, idle=120.0, patience=10.0, farewell=0.5, drain=10.0)
