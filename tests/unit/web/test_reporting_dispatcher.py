"""The dispatcher of the reporting address: what holds up what, and what readers may take of a processor."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry

from tests.support.http import Client, FakeServer, Request
from tests.support.replica import review
from tests.support.reports import sources
from webhook.web.answers import Answers
from webhook.web.reporting_dispatcher import ReportingDispatcher
from webhook.web.reporting_routes import create_reporting_app

GET = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"


class Readers:
    """A dispatcher whose rests are recorded instead of taken."""

    def __init__(self) -> None:
        self.rests: list[float] = []
        self.go_on = threading.Event()
        given = sources()
        self.answers = Answers(given)
        self.app: Flask = create_reporting_app(self.answers, given, CollectorRegistry(), lambda: None, lambda: None)
        self.app.add_url_rule("/slow", "slow", self._slow)
        self.app.add_url_rule("/busy", "busy", self._busy)
        self.app.add_url_rule("/fault", "fault", lambda: str(1 // 0))

    def meet(self, script: Callable[[FakeServer], Awaitable[None]]) -> None:
        async def run() -> None:
            await script(FakeServer(ReportingDispatcher(self.app, self.answers, self.rests.append)))

        asyncio.run(run())

    def _slow(self) -> str:
        self.go_on.wait(30)
        return "slow"

    def _busy(self) -> str:
        until = time.thread_time() + 0.03
        while time.thread_time() < until:
            pass
        return "busy"


def get(path: str) -> bytes:
    return GET.format(path).encode()


def test_reports_hold_up_neither_probes_nor_metrics_nor_streams() -> None:
    readers = Readers()

    async def script(server: FakeServer) -> None:
        crowd = [Client(server, secure=False) for _ in range(20)]
        for client in crowd:
            client.send(get("/slow"))
        for path in ("/healthz", "/readyz", "/metrics", "/pod-metrics"):
            with server.connect(secure=False) as client:
                client.send(get(path))
                assert (await client.receive()).status == (503 if path == "/pod-metrics" else 200)
        with server.connect(secure=False) as client:
            client.send(get("/api/v1/events"))
            assert b"text/event-stream" in client.received
        assert not any(client.received for client in crowd)
        readers.go_on.set()
        for client in crowd:
            assert (await client.receive()).body == b"slow"
            client.leave()

    readers.meet(script)


def test_reports_take_a_tenth_of_a_processor() -> None:
    readers = Readers()

    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as client:
            client.send(get("/busy"))
            assert (await client.receive()).body == b"busy"
            client.send(get("/api/v1/nodes"))
            assert (await client.receive()).status == 200

    readers.meet(script)
    assert 9 * 0.03 <= readers.rests[0] <= 0.5, "it is over before the second report is begun"


def test_who_asked_is_answered_before_the_rest() -> None:
    readers = Readers()
    resting, over = threading.Event(), threading.Event()

    def rest(_: float) -> None:
        resting.set()
        assert over.wait(30)

    async def script() -> None:
        server = FakeServer(ReportingDispatcher(readers.app, readers.answers, rest))
        with server.connect(secure=False) as first, server.connect(secure=False) as second:
            first.send(get("/api/v1/nodes"))
            assert (await first.receive()).status == 200
            second.send(get("/api/v1/nodes"))
            await asyncio.to_thread(resting.wait, 30)
            assert second.received == b""
            over.set()
            assert (await second.receive()).status == 200

    asyncio.run(script())


@pytest.mark.parametrize("path", ["/validate", "/workloads", "/config"])
@pytest.mark.parametrize("secure", [False, True])
def test_reviews_are_not_answered_here(path: str, secure: bool) -> None:
    async def script(server: FakeServer) -> None:
        with server.connect(secure=secure) as client:
            client.send(Request(target=path, body=review()).encode())
            said = await client.receive()
            assert (said.status, said.body) == (404, b"reviews are answered over TLS only\n")
            assert not client.connection.proven

    Readers().meet(script)


def test_a_fault_is_500_and_the_next_is_answered() -> None:
    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as client:
            client.send(get("/fault"))
            said = await client.receive()
            assert (said.status, said.headers["content-type"]) == (500, "application/problem+json")
            client.send(get("/api/v1/nodes"))
            assert (await client.receive()).status == 200

    Readers().meet(script)


def test_who_leaves_before_the_answer_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    readers = Readers()

    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as client:
            client.send(get("/slow"))
            await asyncio.sleep(0)
        readers.go_on.set()
        with server.connect(secure=False) as client:
            client.send(get("/api/v1/nodes"))
            assert (await client.receive()).status == 200

    readers.meet(script)
    assert caplog.records == []
