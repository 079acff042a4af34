"""The dispatcher of the reporting address: what holds up what, and what readers may take of a processor."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable

import pytest
from flask import Flask
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tests.support.http import Client, FakeServer, Request
from tests.support.replica import review
from tests.support.reports import sources
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.types import Authentication, Reporting
from webhook.kube.access_reviews import Identity, Resource
from webhook.web.access import AccessControl
from webhook.web.answers import Answers
from webhook.web.pace import Pace
from webhook.web.reporting_dispatcher import ReportingDispatcher
from webhook.web.reporting_routes import create_reporting_app
from webhook.web.sources import Settings

CALM = Pace(lambda: 0.0)  # nothing else is to be done
GET = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"


class Readers:
    """A dispatcher whose rests and charges are recorded; no rest is taken."""

    def __init__(self) -> None:
        self.rests: list[float] = []
        self.charges: list[float] = []
        self.go_on = threading.Event()
        given = sources()
        self.answers = Answers(given)
        self.app: Flask = create_reporting_app(self.answers, given, CollectorRegistry(), lambda: None, lambda: None)
        self.app.add_url_rule("/slow", "slow", self._slow)
        self.app.add_url_rule("/busy", "busy", self._busy)
        self.app.add_url_rule("/fault", "fault", lambda: str(1 // 0))

    def meet(self, script: Callable[[FakeServer], Awaitable[None]], access: AccessControl | None = None) -> None:
        async def run() -> None:
            charges, rests = self.charges.append, self.rests.append
            await script(FakeServer(ReportingDispatcher(self.app, self.answers, rests, charges, CALM, access)))

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


def test_what_answers_and_pages_of_metrics_cost_is_charged_and_followed_by_a_rest() -> None:
    readers = Readers()

    async def script(server: FakeServer) -> None:
        for path in ("/busy", "/api/v1/nodes", "/metrics", "/metrics"):  # the second waits for the rest of the first
            with server.connect(secure=False) as client:
                client.send(get(path))
                assert (await client.receive()).status == 200

    readers.meet(script)
    assert readers.charges[0] >= 0.03
    assert len(readers.charges) >= 3
    assert len(readers.rests) >= 2
    for rest in readers.rests:
        assert any(rest == pytest.approx(9 * cost) for cost in readers.charges)


def test_all_that_ask_for_metrics_before_the_page_is_begun_are_shown_the_same() -> None:
    readers, begun = Readers(), list[int]()
    started, go_on = threading.Event(), threading.Event()

    def metrics() -> str:
        begun.append(len(begun))
        started.set()
        go_on.wait(30)
        return str(begun[-1])

    async def script(server: FakeServer) -> None:
        clients = [Client(server, secure=False) for _ in range(30)]
        clients[0].send(get("/metrics"))
        await asyncio.to_thread(started.wait, 30)
        for client in clients[1:]:
            client.send(get("/metrics"))
        await asyncio.sleep(0.01)
        clients[1].leave()
        go_on.set()
        assert [(await client.receive()).body for client in (clients[0], *clients[2:])] == [b"0"] + [b"1"] * 28
        later = Client(server, secure=False)
        later.send(get("/metrics"))
        assert (await later.receive()).body == b"2", "who asks later is shown what holds then"
        for client in (clients[0], *clients[2:], later):
            client.leave()

    readers.app.view_functions["metrics"] = metrics
    readers.meet(script)


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


# -- who may read what -------------------------------------------------------------------------------------------------


class Door:
    """Says of a token that it is that of the namespace of the same name; "all" is that of all; waits if it is to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.gone = set[str]()  # who has no right any longer

    def who(self, token: str, _: str) -> Identity | None:
        """Return who it is."""
        assert self.go_on.wait(30)
        return Identity(token)

    def may(self, who: Identity, what: Resource) -> bool:
        """Say whether they may."""
        return who.username in (what.namespace, "all") and who.username not in self.gone


GUARDED = replace(HeadroomConfig(), reporting=Reporting(auth=Authentication.KUBERNETES))


def control(door: Door, clock: Callable[[], float] = time.monotonic) -> AccessControl:
    return AccessControl(door, sources()._replace(settings=lambda: Settings(GUARDED, "0123", None)), clock)


def asked(path: str, token: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def test_rows_are_those_that_the_token_may_see() -> None:
    async def script(server: FakeServer) -> None:
        for token, namespaces, only in (("all", {"bank", "shop"}, None), ("shop", {"shop"}, ["shop"])):
            for path in ("pods", "workloads"):
                with server.connect(secure=False) as client:
                    client.send(asked(f"/api/v1/{path}", token))
                    said = json.loads((await client.receive()).body)
                    assert {row["namespace"] for row in said["items"]} == namespaces
                    assert said["metadata"].get("onlyNamespaces") == only

    Readers().meet(script, control(Door()))


def test_what_one_may_see_is_never_the_answer_to_another() -> None:
    async def script(server: FakeServer) -> None:
        tags = set[str]()
        for token in ("all", "shop", "bank", "shop"):
            with server.connect(secure=False) as client:
                client.send(asked("/api/v1/pods", token))
                tags.add((await client.receive()).headers["etag"])
        assert len(tags) == 3

    Readers().meet(script, control(Door()))


@pytest.mark.parametrize("path", ["/", "/ui/", "/api/v1/commitment", "/api/v1/events", "/pod-metrics", "/slow"])
def test_what_shows_everything_is_shown_to_who_may_see_everything(path: str) -> None:
    readers = Readers()
    readers.go_on.set()

    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as client:
            client.send(asked(path, "shop"))
            said = await client.receive()
            assert (said.status, said.headers["content-type"]) == (403, "application/problem+json")
            client.send(get(path))
            assert (await client.receive()).status == 401

    readers.meet(script, control(Door()))


def test_a_stream_begins_once_it_is_known_who_asks() -> None:
    door = Door()
    door.go_on.clear()

    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as client, server.connect(secure=False) as other:
            client.send(asked("/api/v1/events", "all"))
            other.send(get("/healthz"))
            assert (await other.receive()).status == 200
            assert client.received == b"", "who asks is not known yet, and that holds up nobody else"
            door.go_on.set()
            said = await client.receive()
            assert (said.status, said.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")

    Readers().meet(script, control(door))


async def ended(client: Client) -> None:
    async with asyncio.timeout(30):
        while not client.closed:  # noqa: ASYNC110 - tests look from outside
            await asyncio.sleep(0.01)


def test_a_stream_ends_when_the_right_to_read_it_ends() -> None:
    """As for all other reports, the answer is kept for 30 s."""
    door, now = Door(), [0.0]

    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as client:
            client.send(asked("/api/v1/events", "all"))
            assert (await client.receive()).status == 200
            door.gone.add("all")
            now[0] = 31.0
            await ended(client)

    Readers().meet(script, control(door, lambda: now[0]))


def test_a_stream_that_was_open_to_everybody_ends_when_the_configuration_asks_for_a_right() -> None:
    config = [HeadroomConfig()]
    access = AccessControl(
        Door(), sources()._replace(settings=lambda: Settings(config[0], "0123", None)), time.monotonic
    )

    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as anybody, server.connect(secure=False) as known:
            anybody.send(get("/api/v1/events"))
            known.send(asked("/api/v1/events", "all"))
            assert (await anybody.receive()).status == (await known.receive()).status == 200
            config[0] = GUARDED
            await ended(anybody)
            assert not known.closed

    Readers().meet(script, access)


def test_who_leaves_before_it_is_known_who_asks_gets_no_stream(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    door.go_on.clear()

    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as client:
            client.send(asked("/api/v1/events", "all"))
            await asyncio.sleep(0)
        door.go_on.set()
        with server.connect(secure=False) as other:
            other.send(asked("/api/v1/nodes", "all"))
            assert (await other.receive()).status == 200
        assert client.received == b""

    Readers().meet(script, control(door))
    assert caplog.records == []


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/probes"])
def test_what_shows_nothing_of_a_tenant_needs_no_token(path: str) -> None:
    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as client:
            client.send(get(path))
            assert (await client.receive()).status == 200

    Readers().meet(script, control(Door()))
