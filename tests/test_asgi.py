"""The door as ASGI: what is refused before it is read, what goes on to Flask, and that nothing waits on the loop."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, request

from tests.doors import Request, converse, door, messages, scope
from tests.judging import Judge, ready, review
from webhook import asgi
from webhook.app import LARGEST_BODY
from webhook.asgi import Door

MI = 1 << 20


def status(sent: list[dict[str, Any]]) -> int:
    found: int = sent[0]["status"]
    return found


def test_a_review_without_tls_is_refused_before_its_body_is_read() -> None:
    sent = asyncio.run(converse(door(ready().admission), scope(Request(), scheme="http"), []))
    assert status(sent) == 404
    assert sent[1]["body"] == b"reviews are answered over TLS only\n"


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_what_is_no_http_is_left_alone(kind: str) -> None:
    assert asyncio.run(converse(door(ready().admission), {"type": kind}, [])) == []


def test_a_peer_that_leaves_in_the_middle_gets_no_answer() -> None:
    judge = ready()
    left: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    assert asyncio.run(converse(door(judge.admission), scope(Request()), left)) == []
    assert judge.decided == []


def test_too_large_a_body_is_read_to_its_end_after_the_answer() -> None:
    incoming = messages([b" " * MI] * 20)
    unread = iter(incoming)

    async def receive() -> dict[str, Any]:
        return next(unread)

    async def send(_: dict[str, Any]) -> None:
        return

    about = scope(Request(), **{"content-length": str(20 * MI)})
    asyncio.run(door(ready().admission)(about, receive, send))
    assert next(unread, None) is None


def test_a_peer_that_asks_before_it_sends_too_much_need_not_send_it() -> None:
    headers = {"content-length": str(LARGEST_BODY + 1), "expect": "100-continue"}
    assert status(asyncio.run(converse(door(ready().admission), scope(Request(), **headers), []))) == 413


def test_large_bodies_at_one_time_are_bounded_and_small_ones_pass() -> None:
    async def conversations() -> list[int]:
        asked, about = door(ready().admission), scope(Request())
        partial = {"type": "http.request", "body": b" " * (7 * MI), "more_body": True}
        stalled = [asyncio.create_task(converse(asked, about, [partial])) for _ in range(4)]
        await asyncio.sleep(0)
        small = await converse(asked, about, messages([review()]))
        refused = await converse(asked, about, [partial, {"type": "http.disconnect"}])
        for each in stalled:
            each.cancel()
        await asyncio.gather(*stalled, return_exceptions=True)
        freed = await converse(asked, about, messages([review().ljust(7 * MI), b""]))
        assert (b"retry-after", b"1") in refused[0]["headers"]
        return [status(small), status(refused), status(freed)]

    assert asyncio.run(conversations()) == [200, 503, 200]


def test_a_body_in_many_small_pieces_takes_no_more_than_its_size() -> None:
    body = review()
    pieces = messages([body[at : at + 1] for at in range(len(body))])
    assert status(asyncio.run(converse(door(ready().admission), scope(Request()), pieces))) == 200


def test_others_are_answered_while_a_review_waits() -> None:
    async def conversations(judge: Judge) -> tuple[list[int], int]:
        asked, about = door(judge.admission), scope(Request())
        waiting = asyncio.create_task(converse(asked, about, messages([review("large", "8Gi")])))
        await asyncio.sleep(0)
        others = [status(await converse(asked, about, messages([review("x", dryRun=True)]))) for _ in range(10)]
        assert not waiting.done()
        judge.book()
        return others, status(await waiting)

    assert asyncio.run(conversations(ready())) == ([200] * 10, 200)


def test_whoever_stops_waiting_leaves_nothing_behind() -> None:
    async def conversation(judge: Judge) -> None:
        waiting = asyncio.create_task(
            converse(door(judge.admission), scope(Request()), messages([review("large", "8Gi")]))
        )
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        judge.book()
        judge.book()

    judge = ready()
    asyncio.run(conversation(judge))
    assert len(judge.decided) == 1


def test_an_answer_that_comes_after_the_end_of_the_loop_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def conversation(judge: Judge) -> None:
        about = scope(Request())
        task = asyncio.create_task(converse(door(judge.admission), about, messages([review("large", "8Gi")])))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    judge = ready()
    asyncio.run(conversation(judge))
    judge.book()
    assert caplog.records == []


# -- Flask behind it ---------------------------------------------------------------------------------------------------


@pytest.fixture
def echo() -> Flask:
    app = Flask("echo")

    @app.route("/echo/<path:rest>", methods=["GET", "POST"])
    def echoed(rest: str) -> Response:
        told = {
            "method": request.method,
            "rest": rest,
            "query": request.args.to_dict(),
            "scheme": request.scheme,
            "header": request.headers.get("X-Odd-Header"),
            "body": request.get_data(as_text=True),
            "type": request.content_type,
        }
        return Response(json.dumps(told), headers={"X-Answer": "yes", "Retry-After": "7"})

    return app


def asked(app: Flask, about: dict[str, Any], chunks: list[bytes]) -> tuple[dict[bytes, bytes], dict[str, Any]]:
    start, body = asyncio.run(converse(Door(ready().admission, app), about, messages(chunks)))
    return dict(start["headers"]), json.loads(body["body"])


def test_everything_of_a_request_and_of_its_answer_goes_through(echo: Flask) -> None:
    about = scope(Request("POST", "/echo/ä b?x=1&y=%20", content_type="text/x"), **{"x-odd-header": "ü"})
    headers, told = asked(echo, about, [b"one ", b"two"])
    assert told["rest"] == "ä b"
    assert told["query"] == {"x": "1", "y": " "}
    assert (told["method"], told["scheme"], told["type"]) == ("POST", "https", "text/x")
    assert told["header"] == "Ã¼", "headers are bytes, shown one by one (PEP 3333)"
    assert told["body"] == "one two"
    assert headers[b"x-answer"] == b"yes"
    assert headers[b"retry-after"] == b"7"


def test_a_body_in_chunks_is_not_lost_on_the_way_to_flask(echo: Flask) -> None:
    _, told = asked(echo, scope(Request("POST", "/echo/x"), **{"transfer-encoding": "chunked"}), [b"one ", b"two"])
    assert told["body"] == "one two"


def test_an_answer_that_is_generated_is_read_and_closed() -> None:
    closed = []
    app = Flask("stream")

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[bytes]:
            yield b"one "
            yield b"two"

        answer = Response(parts())
        answer.call_on_close(lambda: closed.append(True))
        return answer

    sent = asyncio.run(converse(Door(ready().admission, app), scope(Request("GET", "/stream")), messages([b""])))
    assert sent[1]["body"] == b"one two"
    assert closed == [True]


def test_a_slow_page_is_no_matter_to_the_loop() -> None:
    judge = ready()

    async def conversations() -> list[int]:
        asked, slow = door(judge.admission), scope(Request("GET", "/readyz"))
        with judge.admission.account.lock:  # as a long relist would hold it
            page = asyncio.create_task(converse(asked, slow, messages([b""])))
            pages = [await converse(asked, scope(Request("GET", "/healthz")), messages([b""])) for _ in range(3)]
            assert not page.done()
        return [status(each) for each in [*pages, await page]]

    assert asyncio.run(conversations()) == [200] * 4


def test_no_crowd_on_other_pages_hides_that_the_process_lives() -> None:
    judge = ready()

    async def conversations() -> int:
        asked = door(judge.admission)
        with judge.admission.account.lock:
            pages = [
                asyncio.create_task(converse(asked, scope(Request("GET", "/readyz")), messages([b""])))
                for _ in range(100)  # more than there are threads for them
            ]
            await asyncio.sleep(0.1)
            alive = await converse(asked, scope(Request("GET", "/healthz")), messages([b""]))
            assert not any(page.done() for page in pages)
        await asyncio.gather(*pages)
        return status(alive)

    assert asyncio.run(conversations()) == 200


def test_the_limits_fit_a_replicas_memory() -> None:
    assert asgi._MOST_HELD + LARGEST_BODY < 64 * MI
