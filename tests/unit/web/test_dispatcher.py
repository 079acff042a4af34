"""The door: what goes straight through, what goes on to Flask, and that nothing waits on the loop."""

import asyncio
import json
import threading
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import pytest
from flask import Flask, Response, request

from tests.support.http import Client, FakeServer, Request, Said, dispatcher
from tests.support.replica import Judge, ready, review
from webhook.web.routes import create_app

GET = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"


def meet(judge: Judge, script: Callable[[FakeServer], Awaitable[None]], app: Flask | None = None) -> None:
    """Run a script against a door on a loop of its own."""

    async def run() -> None:
        await script(FakeServer(dispatcher(judge.admission, app)))

    asyncio.run(run())


def get(path: str) -> bytes:
    return GET.format(path).encode()


def test_a_review_without_tls_is_refused() -> None:
    judge = ready()

    async def script(server: FakeServer) -> None:
        with server.connect(secure=False) as client:
            client.send(Request(body=review()).encode())
            said = await client.receive()
            assert (said.status, said.body) == (404, b"reviews are answered over TLS only\n")

    meet(judge, script)
    assert judge.decided == []


def test_a_review_is_answered_before_anything_else_runs() -> None:
    async def script(server: FakeServer) -> None:
        with server.connect() as client:
            client.send(Request(body=review()).encode())
            said = client.said()
            assert said is not None
            assert json.loads(said.body)["response"]["allowed"]

    meet(ready(), script)


def test_others_are_answered_while_a_review_waits() -> None:
    judge = ready()

    async def script(server: FakeServer) -> None:
        with server.connect() as waiting, server.connect() as other:
            waiting.send(Request(body=review("large", "8Gi")).encode())
            for _ in range(10):
                other.send(Request(body=review("x", dryRun=True)).encode())
                assert (await other.receive()).status == 200
            assert waiting.received == b""
            judge.book()
            assert (await waiting.receive()).status == 200

    meet(judge, script)


def test_whoever_stops_waiting_leaves_nothing_behind() -> None:
    judge = ready()

    async def script(server: FakeServer) -> None:
        with server.connect() as client:
            client.send(Request(body=review("large", "8Gi")).encode())
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        judge.book()
        judge.book()

    meet(judge, script)
    assert len(judge.decided) == 1


def test_an_answer_that_comes_after_the_end_of_the_loop_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    judge = ready()

    async def script(server: FakeServer) -> None:
        client = Client(server, secure=True)
        client.send(Request(body=review("large", "8Gi")).encode())
        await asyncio.sleep(0)

    meet(judge, script)
    judge.book()
    assert caplog.records == []


def test_what_fails_is_told_and_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ready()

    def fail(*_: object) -> None:
        raise LookupError("broken on purpose")

    monkeypatch.setattr(judge.admission, "review", fail)

    async def script(server: FakeServer) -> None:
        with server.connect() as client:
            client.send(Request(body=review()).encode(), get("/healthz"))
            assert await client.receive() == Said(500, client_headers(43), b"an unforeseen error, see Headroom's log\n")
            assert (await client.receive()).status == 200

    meet(judge, script)
    (record,) = caplog.records
    assert "b'/validate' could not be answered" in record.getMessage()
    assert record.exc_info is not None


def client_headers(_: int) -> dict[str, str]:
    return {
        "content-type": "text/plain; charset=utf-8",
        "date": "Sat, 21 Nov 2026 12:00:00 GMT",
        "content-length": str(len(b"an unforeseen error, see Headroom's log\n")),
    }


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


def asked(app: Flask, text: bytes) -> Said:
    """Ask an application over a connection."""

    async def run() -> Said:
        with FakeServer(dispatcher(ready().admission, app)).connect() as client:
            client.send(text)
            return await client.receive()

    return asyncio.run(run())


def test_everything_of_a_request_and_of_its_answer_goes_through(echo: Flask) -> None:
    body = Request("POST", "/echo/%C3%A4%20b?x=1&y=%20", b"one two", "text/x").encode(**{"X-Odd-Header": "ü"})
    said = asked(echo, body)
    told = json.loads(said.body)
    assert told["rest"] == "ä b"
    assert told["query"] == {"x": "1", "y": " "}
    assert (told["method"], told["scheme"], told["type"]) == ("POST", "https", "text/x")
    assert told["header"] == "Ã¼", "headers are bytes, shown one by one (PEP 3333)"
    assert told["body"] == "one two"
    assert said.headers["x-answer"] == "yes"
    assert said.headers["retry-after"] == "7"


def test_a_body_in_chunks_is_not_lost_on_the_way_to_flask(echo: Flask) -> None:
    said = asked(echo, Request("POST", "/echo/x", chunks=(b"one ", b"two")).encode())
    assert json.loads(said.body)["body"] == "one two"


def test_a_slow_page_is_no_matter_to_the_loop() -> None:
    judge = ready()

    async def script(server: FakeServer) -> None:
        with server.connect() as slow, server.connect() as quick:
            with judge.admission.state._guarded.lock:  # as a long relist would hold it
                slow.send(get("/readyz"))
                for _ in range(3):
                    quick.send(get("/healthz"))
                    assert (await quick.receive()).status == 200
                assert slow.received == b""
            assert (await slow.receive()).status == 200

    meet(judge, script)


def test_no_crowd_on_other_pages_hides_that_the_process_lives() -> None:
    judge = ready()

    async def script(server: FakeServer) -> None:
        crowd = [Client(server, secure=True) for _ in range(100)]  # more than there are threads for them
        with server.connect() as client, judge.admission.state._guarded.lock:
            for each in crowd:
                each.send(get("/readyz"))
            await asyncio.sleep(0.1)
            client.send(get("/healthz"))
            assert (await client.receive()).status == 200
            assert not any(each.received for each in crowd)
        for each in crowd:
            assert (await each.receive()).status == 200
            each.leave()

    meet(judge, script)


def test_large_bodies_that_wait_for_a_thread_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.web.dispatcher._MOST_QUEUED", 100_000)
    app, go = Flask("slow"), threading.Event()

    @app.post("/slow")
    def slow() -> Response:
        assert go.wait(60)
        return Response("done")

    async def script(server: FakeServer) -> None:
        large = Request(target="/slow", body=b"x" * 60_000).encode()
        with server.connect() as one, server.connect() as two, server.connect() as small:
            one.send(large)
            await asyncio.sleep(0)
            two.send(large)
            said = await two.receive()
            assert (said.status, said.body) == (503, b"there are too many large requests at once\n")
            small.send(Request(target="/slow", body=b"x" * 100).encode())
            go.set()
            assert (await one.receive()).status == (await small.receive()).status == 200
            two.send(large)
            assert (await two.receive()).status == 200, "there is room again"

    meet(ready(), script, app)


def test_reviews_that_wait_hold_no_bodies() -> None:
    judge = ready()

    def large(number: int) -> bytes:
        made = json.loads(review(f"large-{number}", "8Gi"))["request"]["object"]
        made["metadata"]["annotations"] = {"padding": f"{number}" * (1 << 20)}
        return Request(body=review(f"large-{number}", object=made, oldObject=made)).encode()

    async def script(server: FakeServer) -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(10)]
            tracemalloc.start()
            for number, client in enumerate(clients):
                client.send(large(number))
                await asyncio.sleep(0)
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert len(judge.admission.state.reviews.pending) == len(clients)
            assert held < 1 << 20, "and not 20 MiB"
            judge.book()
            assert (await clients[0].receive()).status == 200

    meet(judge, script)


def test_pages_hold_up_no_probe() -> None:
    app, go_on = create_app(ready().admission), threading.Event()

    @app.get("/slow")
    def slow() -> str:
        go_on.wait(30)
        return "slow"

    async def script(server: FakeServer) -> None:
        crowd = [Client(server, secure=True) for _ in range(20)]
        for client in crowd:
            client.send(get("/slow"))
        with server.connect() as client:
            client.send(get("/readyz"))
            assert (await client.receive()).status == 200
        assert not any(client.received for client in crowd)
        go_on.set()
        for client in crowd:
            assert (await client.receive()).body == b"slow"
            client.leave()

    meet(ready(), script, app)
