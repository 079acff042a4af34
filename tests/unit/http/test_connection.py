"""One connection: the order of its answers, what it reads meanwhile, and when its peer keeps us waiting."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from tests.support.http import Client, FakeServer, Request, dispatcher
from tests.support.replica import Judge, ready, review
from webhook.http import connection, parser
from webhook.http.connection_table import Rank
from webhook.http.messages import Request as HttpRequest
from webhook.http.messages import Response, Sink, Stream
from webhook.http.wsgi import Origin

HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"
HALF = b"POST /validate HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n"


def meet(script: Callable[[FakeServer, Judge], Awaitable[None]]) -> None:
    judge = ready()

    async def run() -> None:
        await script(FakeServer(dispatcher(judge.admission)), judge)

    asyncio.run(run())


def waits(client: Client) -> None:
    """Ask for what has to be booked."""
    client.send(Request(body=review("large", "8Gi")).encode())
    assert client.received == b""


def test_answers_come_in_the_order_of_the_requests() -> None:
    async def script(server: FakeServer, judge: Judge) -> None:
        with server.connect() as client:
            waits(client)
            client.send(Request(body=review("second", dryRun=True)).encode(), b"GET /readyz HTTP/1.1\r\n\r\n", HEALTHZ)
            judge.book()
            uids = [json.loads((await client.receive()).body)["response"]["uid"] for _ in range(2)]
            assert uids == ["review-large", "review-second"]
            assert [(await client.receive()).body for _ in range(2)] == [b"ok\n", b"ok\n"]

    meet(script)


def test_no_more_is_read_while_requests_wait_for_their_turn() -> None:
    async def script(server: FakeServer, judge: Judge) -> None:
        with server.connect() as client:
            waits(client)
            states = [client.reads]
            client.send(HEALTHZ)
            states.append(client.reads)
            assert states == [True, False], "one that is about to be answered holds up nobody"
            judge.book()
            await client.receive()
            await client.receive()
            assert client.reads

    meet(script)


def test_nothing_is_said_to_one_that_does_not_read() -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        with server.connect() as client:
            client.connection.pause_writing()
            client.send(HEALTHZ, HEALTHZ)
            assert (client.received, client.reads) == (b"", False)
            client.connection.resume_writing()
            assert (client.received.count(b"200 OK"), client.reads) == (2, True)

    meet(script)


def test_the_last_answer_says_so_and_ends_the_connection() -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        with server.connect() as client:
            client.send(HEALTHZ + LAST + HEALTHZ)
            first, second = await client.receive(), await client.receive()
            assert "connection" not in first.headers
            assert second.headers["connection"] == "close"
            assert (client.received, client.closed) == (b"", True)
            client.send(HEALTHZ)
            assert client.received == b""

    meet(script)


def test_the_last_answer_may_have_to_be_waited_for() -> None:
    async def script(server: FakeServer, judge: Judge) -> None:
        with server.connect() as client:
            client.send(Request(body=review("large", "8Gi")).encode(Connection="close"))
            assert not client.closed
            judge.book()
            assert (await client.receive()).headers["connection"] == "close"
            assert client.closed

    meet(script)


def test_no_more_requests_are_welcome_once_the_worker_stops() -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        with server.connect() as client:
            server.alive = False
            client.send(HEALTHZ)
            assert (await client.receive()).headers["connection"] == "close"
            assert client.closed

    meet(script)


def test_what_is_no_http_is_answered_after_what_was(caplog: pytest.LogCaptureFixture) -> None:
    async def script(server: FakeServer, judge: Judge) -> None:
        with server.connect() as client:
            waits(client)
            client.send(b"nonsense\r\n\r\n")
            judge.book()
            assert (await client.receive()).status == 200
            assert (await client.receive()).status == 400
            assert client.closed

    meet(script)
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == ["refused a request with 400"]


def test_one_that_asks_first_is_told_to_go_on_when_it_is_its_turn() -> None:
    async def script(server: FakeServer, judge: Judge) -> None:
        with server.connect() as client:
            waits(client)
            client.send(HALF.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
            assert client.received == b""
            judge.book()
            assert (await client.receive()).status == 200
            assert (await client.receive()).status == 100
            client.send(b"0123456789")
            assert (await client.receive()).status == 400

    meet(script)


def test_one_that_goes_away_is_forgotten_and_what_it_held_is_free() -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        with server.connect() as client:
            client.send(HALF, b"12345")
            assert server.room.held == 5
        assert server.room.held == 0
        assert len(server.table) == 0

    meet(script)


# -- who makes room for whom -------------------------------------------------------------------------------------------

LARGE = b"POST /validate HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 6000000\r\n\r\n"
MI = 1 << 20


def large(server: FakeServer, *, proven: bool = False) -> Client:
    """A peer whose large body is on its way."""
    client = Client(server, secure=True)
    if proven:
        client.send(Request(body=review("small", dryRun=True)).encode())
        assert client.received.startswith(b"HTTP/1.1 200 ")
        client.received = b""
    client.send(LARGE, b" " * 5 * MI)
    return client


def test_when_bodies_take_too_much_the_oldest_stranger_gives_way() -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        proven = large(server, proven=True)
        strangers = [large(server) for _ in range(5)]
        assert not any(client.closed for client in strangers)
        newest = [large(server, proven=True), large(server)]
        assert [client.closed for client in strangers] == [True, True, False, False, False]
        assert [(await client.receive()).status for client in strangers[:2]] == [503, 503]
        assert not any(client.closed for client in (proven, *newest))
        for client in (proven, *strangers, *newest):
            client.leave()
        assert server.room.held == 0

    meet(script)


def test_a_peer_that_sends_reviews_has_a_second_for_a_large_one() -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        known = [large(server, proven=True) for _ in range(6)]
        late = large(server)
        assert (await late.receive()).status == 503, "it is the newest that is refused while all others may be prompt"
        for client in known:
            client.connection._since -= 1.0
        newest = large(server)
        assert [client.closed for client in known] == [True] + [False] * 5
        for client in (*known, late, newest):
            client.leave()

    meet(script)


def test_what_is_asked_and_answered_says_where_a_connection_stands() -> None:
    async def script(server: FakeServer, judge: Judge) -> None:
        with server.connect() as client:

            def rank() -> Rank | None:
                return server.table.rank(client.connection)

            ranks = [rank()]
            client.send(HEALTHZ)
            ranks.append(rank())
            client.send(HALF)
            ranks.append(rank())
            client.send(b"0123456789")
            await client.receive()
            ranks.append(rank())
            assert ranks == [Rank.UNFINISHED, Rank.IDLE, Rank.UNFINISHED, Rank.IDLE]
            await client.receive()
            waits(client)
            assert rank() is Rank.ANSWERED
            judge.book()
            await client.receive()
            assert rank() is Rank.KNOWN
            client.send(HALF)
            assert rank() is Rank.KNOWN_BUSY
        assert rank() is None

    meet(script)


def test_whoever_waits_for_a_page_has_no_claim_to_its_place() -> None:
    async def script(server: FakeServer, judge: Judge) -> None:
        with server.connect() as client:
            client.send(b"GET /metrics HTTP/1.1\r\n\r\n")
            assert server.table.rank(client.connection) is Rank.UNFINISHED
            await client.receive()

    meet(script)


def test_large_answers_that_nobody_reads_are_bounded_and_reviews_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        monkeypatch.setattr(connection, "_LARGE", 1000)
        page = b"GET /%b HTTP/1.1\r\n\r\n" % (b"long" * 500)  # what is not found is named in the answer
        with server.connect() as slow, server.connect() as other:
            monkeypatch.setattr(slow, "get_write_buffer_size", lambda: parser.MOST_UNREAD + 1)
            slow.connection.pause_writing()
            other.send(page)
            assert (await other.receive()).status == 503
            other.send(Request(body=review("small", dryRun=True)).encode())
            assert (await other.receive()).status == 200
            slow.connection.resume_writing()
            assert server.room.unread == 0
            other.send(page)
            assert (await other.receive()).status == 404
            slow.connection.pause_writing()
        assert server.room.unread == 0

    meet(script)


# -- who keeps whom waiting --------------------------------------------------------------------------------------------


def stuck(server: FakeServer, client: Client, seconds: float) -> bool:
    """Whether the peer would be cut off by someone with a patience of 10 s, so much later."""
    return client.connection.is_stuck(server.loop.time() + seconds, 10.0)


def test_a_stranger_is_expected_to_ask() -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        with server.connect() as client:
            assert not stuck(server, client, 9.9)
            assert stuck(server, client, 10.1)
            client.send(HEALTHZ)
            assert not stuck(server, client, 1e6), "it may be idle"

    meet(script)


@pytest.mark.parametrize("part", [b"P", HALF[:40], HALF, HALF + b"123", b"\r\n", b"\r\nG"])
def test_a_request_is_expected_to_come_whole(part: bytes) -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        with server.connect() as client:
            client.send(HEALTHZ, part)
            begun = part != b"\r\n"
            assert stuck(server, client, 10.1) is begun
            assert not stuck(server, client, 9.9)

    meet(script)


def test_bytes_that_trickle_do_not_help() -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        with server.connect() as client:
            client.send(HALF)
            began = server.loop.time()
            await asyncio.sleep(0.2)
            client.send(b"1", b"2")
            assert client.connection.is_stuck(began + 10.1, 10.0)

    meet(script)


def test_one_that_waits_for_us_keeps_nobody_waiting() -> None:
    async def script(server: FakeServer, judge: Judge) -> None:
        with server.connect() as client:
            waits(client)
            assert not stuck(server, client, 1e6)
            judge.book()
            await client.receive()

    meet(script)


def test_an_answer_is_expected_to_be_read_and_a_goodbye_to_be_returned() -> None:
    async def script(server: FakeServer, _: Judge) -> None:
        with server.connect() as slow, server.connect() as gone:
            slow.send(HEALTHZ)
            slow.connection.pause_writing()
            gone.send(LAST)
            for client in (slow, gone):
                assert not stuck(server, client, 9.9)
                assert stuck(server, client, 10.1)

    meet(script)


def test_only_one_that_was_of_use_and_is_not_now_is_closed_for_being_idle() -> None:
    async def script(server: FakeServer, judge: Judge) -> None:
        with server.connect() as stranger, server.connect() as busy, server.connect() as half, server.connect() as idle:
            waits(busy)
            half.send(HEALTHZ, HALF)
            idle.send(HEALTHZ)
            at = server.loop.time()
            idle.connection.close_if_idle(at - 60)
            assert not idle.closed
            for client in (stranger, busy, half, idle):
                client.connection.close_if_idle(at)
            assert [client.closed for client in (stranger, busy, half, idle)] == [False, False, False, True]
            judge.book()
            await busy.receive()

    meet(script)


# -- streams -----------------------------------------------------------------------------------------------------------


class Streaming:
    """A handler that answers /stream with a stream, and everything else like a dispatcher."""

    def __init__(self, judge: Judge) -> None:
        self._dispatcher = dispatcher(judge.admission)
        self.probes = self._dispatcher.probes
        self.sinks: list[Sink] = []

    def handle(self, request: HttpRequest, origin: Origin) -> Response | Stream | Coroutine[Any, Any, Response]:
        if request.path == b"/stream":
            return Stream("text/event-stream", self.sinks.append, self.sinks.remove, (("X-Odd", "yes"),))
        return self._dispatcher.handle(request, origin)

    def is_review(self, request: HttpRequest) -> bool:
        return self._dispatcher.is_review(request)


def stream(script: Callable[[FakeServer, Streaming], Awaitable[None]]) -> None:
    async def run() -> None:
        judge = ready()
        server = FakeServer(dispatcher(judge.admission))
        server.handler = streaming = Streaming(judge)
        await script(server, streaming)

    asyncio.run(run())


STREAM = b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_stream_goes_on_until_its_peer_leaves() -> None:
    async def script(server: FakeServer, handler: Streaming) -> None:
        with server.connect() as client:
            client.send(STREAM)
            head, _, body = client.received.partition(b"\r\n\r\n")
            assert head == (
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Odd: yes\r\n"
                b"Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nConnection: close"
            )
            assert body == b""
            (sink,) = handler.sinks
            assert sink.push(b"one")
            assert sink.push(b"two")
            assert client.received.endswith(b"\r\n\r\nonetwo")
        assert handler.sinks == []
        assert not sink.push(b"three")

    stream(script)


def test_requests_behind_a_stream_are_not_answered_and_no_more_is_read() -> None:
    async def script(server: FakeServer, _: Streaming) -> None:
        with server.connect() as client:
            client.send(STREAM)
            assert client.reads, "so that its end is noticed"
            before = client.received
            client.send(HEALTHZ)
            assert client.received == before
            assert not client.reads

    stream(script)


def test_a_slow_reader_of_a_stream_is_sent_nothing_and_cut_off() -> None:
    async def script(server: FakeServer, handler: Streaming) -> None:
        with server.connect() as client:
            client.send(STREAM)
            assert not stuck(server, client, 1000)
            before = client.received
            client.connection.pause_writing()
            assert not handler.sinks[0].push(b"much")
            assert client.received == before, "so that nothing heaps up for it"
            assert not stuck(server, client, 9.0)
            assert stuck(server, client, 10.1)
            client.connection.resume_writing()
            assert handler.sinks[0].push(b"new")
            assert not stuck(server, client, 1000)

    stream(script)


def test_a_stream_is_not_idle_and_makes_room_like_an_unfinished_request() -> None:
    async def script(server: FakeServer, handler: Streaming) -> None:
        with server.connect() as client:
            client.send(STREAM)
            client.connection.close_if_idle(server.loop.time() + 1000)
            assert not client.closed
            assert server.table.rank(client.connection) is Rank.UNFINISHED
            handler.sinks[0].end_stream()
            assert server.table.rank(client.connection) is Rank.IDLE
            assert not handler.sinks[0].push(b"late")

    stream(script)


def test_only_a_stream_is_ended_when_streams_are() -> None:
    async def script(server: FakeServer, _: Streaming) -> None:
        with server.connect() as client:
            client.send(HEALTHZ)
            client.connection.end_stream()
            assert not client.closed

    stream(script)
