"""A reflector in trouble: it says so, waits longer and longer, never gives up, and stops when it is told to."""

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_http import CUT, Call, Fault, Handler
from tests.support.reflecting import PATIENCE, reflecting, wait_until
from webhook.watch.events import Changed, Connected, Disconnected, Fresh, Replaced


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer() as fake:
        yield fake


def test_an_api_server_that_is_away_is_waited_for(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.down()
        consumer.wait(lambda: len(consumer.of(Disconnected)) >= 3)
        assert not isinstance(consumer.news[-1], Connected)
        server.put("meanwhile", size=1)
        server.up()
        consumer.wait_for("meanwhile", 1)
        assert server.count("list") == 1  # nothing was lost, so nothing is listed


def test_an_api_server_that_is_away_at_the_start_is_waited_for(server: FakeApiServer) -> None:
    server.down()
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: len(consumer.of(Disconnected)) >= 3)
        assert not consumer.of(Replaced)
        server.up()
        consumer.wait(lambda: bool(consumer.of(Connected)))


def test_pauses_grow_while_things_go_badly_and_begin_anew_after_a_healthy_watch(server: FakeApiServer) -> None:
    server.refuse("list", 500, times=6)
    with reflecting(server, jitter=lambda: 0.0, shortest_pause=0.1, longest_pause=0.5, settled=0.3) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        times = [call.at for call in server.calls if call.kind == "list"]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert running.pauses == [0, 0.1, 0.2, 0.4, 0.5, 0.5]
        assert all(gap >= pause for gap, pause in zip(gaps, running.pauses, strict=True))
        time.sleep(0.35)
        server.end_watches(CUT)
        consumer.wait(lambda: len(consumer.of(Connected)) == 2)
        assert running.pauses[6:] == [0]
        assert len(consumer.of(Disconnected)) == 7


def test_a_server_that_ends_every_watch_at_once_is_not_hammered(server: FakeApiServer) -> None:
    server.reply("watch", b"", times=1000)
    with reflecting(server, longest_pause=0.2, settled=30) as running:
        wait_until(lambda: server.count("watch") > 9)
        assert all(pause >= 0.1 for pause in running.pauses[5:]), "half of the longest, at least"
        assert running.consumer.of(Disconnected)[-1].fault == "the API server ended the watch"


def test_410_after_a_long_trouble_lists_without_another_pause(server: FakeApiServer) -> None:
    """An API server that was started again knows no revision from before, yet it is there."""
    with reflecting(server, shortest_pause=0.2, longest_pause=0.4, settled=30) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.down()
        consumer.wait(lambda: len(consumer.of(Disconnected)) >= 4)
        server.oldest = server.revision + 1
        server.put("meanwhile", size=1)
        server.up()
        consumer.wait_for("meanwhile", 1)
        refused, listed = server.calls[-2:] if server.calls[-1].kind == "list" else server.calls[-3:-1]
        assert (refused.kind, listed.kind) == ("watch", "list")
        assert running.pauses[-1] == 0


def test_retry_after_is_honoured_up_to_the_longest_pause(server: FakeApiServer) -> None:
    server.refuse("list", 429, retry_after="60")
    with reflecting(server, longest_pause=0.3) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Replaced)))
        first, second = (call.at for call in server.calls if call.kind == "list")
        assert second - first > 0.29
        assert running.pauses == [0.3]


@pytest.mark.parametrize("kind", [Replaced, Changed, Disconnected])
def test_an_error_in_the_consumer_lists_again(
    server: FakeApiServer, caplog: pytest.LogCaptureFixture, kind: type
) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        failures = iter([True, True])
        consumer.fail_on = lambda news: isinstance(news, kind) and next(failures, False)
        server.put("a", size=1)
        if kind is not Changed:
            server.mute, server.oldest = True, server.revision + 1
            server.put("b", size=1)
            server.end_watches()
            server.mute = False
        consumer.wait(lambda: len(consumer.of(Replaced)) == 2 and consumer.of(Connected)[1:] != [])
        assert consumer.sizes == dict.fromkeys(server.objects, 1)
        assert "could not be applied; listing again" in caplog.text
        assert "RuntimeError: the consumer is broken" in caplog.text
        server.put("after", size=1)
        consumer.wait_for("after", 1)


def test_a_consumer_that_never_works_is_tried_with_growing_pauses(
    server: FakeApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    with reflecting(server, longest_pause=0.2) as running:
        running.consumer.fail_on = lambda _: True
        server.end_watches(CUT)
        wait_until(lambda: server.count("list") > 9)
        assert all(pause >= 0.1 for pause in running.pauses[5:]), "half of the longest, at least"
        running.consumer.fail_on = lambda _: False
        running.consumer.wait(lambda: bool(running.consumer.of(Connected)))


@pytest.mark.parametrize("where", ["watch", "page", "pause", "retry-after"])
def test_stops_at_once_wherever_it_waits(server: FakeApiServer, where: str) -> None:
    if where == "page":
        server.reply("list", b'{"metadata":', whole=False)
    if where == "retry-after":
        server.refuse("watch", 429, retry_after="9")
    if where == "pause":
        server.down()
    with reflecting(server, page=30, longest_pause=30, shortest_pause=20) as running:
        time.sleep(0.2)
        assert running.stop() < 5, "each of these waits is of 9 s or more"
        told = len(running.consumer.news)
        server.put("late", size=1)
        assert len(running.consumer.news) == told


def test_nothing_is_told_after_stop(server: FakeApiServer) -> None:
    """Not even by a reflector that has waited for an answer's headers and then gets them."""
    stopped = threading.Event()

    def answer(handler: Handler, call: Call) -> None:
        stopped.wait(PATIENCE)
        handler.tell_truth(call)

    server.faults.append(Fault("list", answer))
    with reflecting(server) as running:
        wait_until(lambda: server.count("list") == 1)
        running.reflector.stop()
        stopped.set()
        running.thread.join(PATIENCE)
        assert not running.thread.is_alive()
        assert running.consumer.news == []


def test_what_has_come_but_was_not_told_before_stop_is_not_told(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))

        def stop_at_the_first(news: object) -> bool:
            if isinstance(news, Changed):
                running.reflector.stop()
            return False

        consumer.fail_on = stop_at_the_first
        server.mute = True
        for size in range(3):
            server.put("a", size=size)
        server.mute = False
        server.send(b"".join(event for _, event in server.history))
        running.thread.join(PATIENCE)
        assert consumer.sizes == {"a": 0}


def test_when_it_was_last_told_anything_is_known(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Fresh)))
        running.consumer.wait(lambda: bool(running.consumer.of(Connected)))
        before = time.monotonic()
        server.bookmark()
        wait_until(lambda: running.reflector.heard >= before)
