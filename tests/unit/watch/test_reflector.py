"""A reflector on its way from watch to watch: nothing lost, nothing told twice, whatever breaks."""

import random
import time
from collections.abc import Iterator

import pytest

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_http import CUT, END
from tests.support.reflecting import reflecting
from webhook.kube.throttle import ReadThrottle
from webhook.watch.events import Bookmark, Changed, Connected, Deleted, Disconnected, Fresh, Replaced


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer() as fake:
        yield fake


def test_lists_then_tells_changes(server: FakeApiServer) -> None:
    server.put("a", size=1)
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait_for("a", 1)
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.put("b", size=2)
        server.put("a", size=3)
        server.delete("b")
        server.put("c", size=4)
        consumer.wait_for("c", 4)
        assert consumer.sizes == {"a": 3, "c": 4}
        assert [type(item).__name__ for item in consumer.news] == [
            *("Replaced", "Fresh", "Connected"),
            *("Changed", "Changed", "Deleted", "Changed"),
        ]
        assert server.count("list") == 1


def test_asks_for_a_consistent_list_and_a_watch_with_bookmarks_that_ends(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Connected)))
    first, second = server.calls[:2]
    assert first.query == {"limit": "500"}
    assert second.query.pop("timeoutSeconds").isdecimal()
    assert second.query == {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": str(server.revision)}


def test_an_event_is_told_as_soon_as_its_bytes_are_there(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Connected)))
        waits = []
        for size in range(1, 30):
            began = time.monotonic()
            server.put("a", size=size)
            running.consumer.wait_for("a", size)
            waits.append(time.monotonic() - began)
        # A buffer, a poll or a delayed packet costs every one of them 40 ms and more; a busy machine, some.
        assert sorted(waits)[len(waits) // 4] < 0.03


def test_a_lone_event_is_told_at_once_and_those_that_follow_after_a_pause(server: FakeApiServer) -> None:
    with reflecting(server, pause=ReadThrottle(1)) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        began = time.monotonic()
        server.put("a", size=1)
        consumer.wait_for("a", 1)
        assert time.monotonic() - began < 0.8
        time.sleep(0.1)  # until the reader has found nothing more
        server.put("a", size=2)
        server.put("b", size=3)
        consumer.wait_for("a", 2)
        assert time.monotonic() - began >= 1
        consumer.wait_for("b", 3)


def test_a_watch_that_the_server_ends_goes_on_from_the_last_revision(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        last = server.put("a", size=1)
        consumer.wait_for("a", 1)
        server.end_watches()
        consumer.wait(lambda: len(consumer.of(Connected)) == 2)
        server.put("a", size=2)
        consumer.wait_for("a", 2)
        assert server.count("list") == 1
        assert server.calls[-1].query["resourceVersion"] == str(last)
        assert not consumer.of(Disconnected)  # it went on at once, so nothing was amiss


def test_a_bookmark_moves_the_revision_on(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.revision += 500
        server.bookmark()
        consumer.wait(lambda: consumer.of(Bookmark) == [Bookmark(1500)])
        server.end_watches()
        consumer.wait(lambda: len(consumer.of(Connected)) == 2)
        assert server.calls[-1].query["resourceVersion"] == "1500"


@pytest.mark.parametrize("as_event", [True, False], ids=["as an ERROR event", "as a status"])
def test_410_on_a_watch_lists_again(server: FakeApiServer, as_event: bool) -> None:
    server.gone_as_event = as_event
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.mute = True
        server.put("missed", size=7)
        server.oldest = server.revision
        server.end_watches(CUT)
        server.mute = False
        consumer.wait_for("missed", 7)
        assert server.count("list") == 2
        assert "410" in consumer.of(Disconnected)[-1].fault
        server.put("after", size=1)
        consumer.wait_for("after", 1)


def test_410_in_the_middle_of_an_open_watch_lists_again(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.send(b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}\n')
        consumer.wait(lambda: len(consumer.of(Replaced)) == 2)
        assert "410 Expired: too old" in consumer.of(Disconnected)[-1].fault


def test_a_half_open_connection_is_found_out_and_nothing_is_lost(server: FakeApiServer) -> None:
    with reflecting(server, idle_timeout=0.3) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.put("a", size=1)
        consumer.wait_for("a", 1)
        server.watches.clear()  # the connection stays open, but nothing comes through it
        server.put("a", size=2)
        consumer.wait_for("a", 2)
        assert server.count("newest") >= 1
        assert server.count("list") == 1


def test_a_half_open_connection_to_a_server_that_hangs_is_broken(server: FakeApiServer) -> None:
    server.hang("newest")
    began = time.monotonic()
    with reflecting(server, idle_timeout=0.2, answer=0.3) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Disconnected)))
        broken = time.monotonic()
        assert broken - began >= 0.5
        consumer.wait(lambda: consumer.proven > broken)  # a later attempt is answered


def test_bytes_that_trickle_in_without_ending_a_line_are_no_sign_of_life(server: FakeApiServer) -> None:
    with reflecting(server, idle_timeout=0.3) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        for _ in range(12):
            server.send(b" ")
            time.sleep(0.05)
        consumer.wait(lambda: server.count("newest") >= 1)


def test_a_resource_where_nothing_happens_stays_live_and_costs_no_list(server: FakeApiServer) -> None:
    """The API server sends no bookmark for the very revision that a watch began with."""
    server.put("a", size=1)
    with reflecting(server, idle_timeout=0.1) as running:
        consumer = running.consumer
        consumer.wait(lambda: len(consumer.of(Fresh)) == 5)
        assert not consumer.of(Disconnected)
        assert server.count("list") == 1
        server.put("a", size=2)
        consumer.wait_for("a", 2)


def test_a_silent_server_that_was_restored_from_a_backup_is_listed(server: FakeApiServer) -> None:
    server.put("never", size=1)
    with reflecting(server, idle_timeout=0.2) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.rewind(10)
        consumer.wait(lambda: consumer.sizes == {})
        assert "went back" in consumer.of(Disconnected)[0].fault


def test_a_revision_that_goes_back_lists_again(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Connected)))
        server.bookmark(999)
        running.consumer.wait(lambda: len(running.consumer.of(Replaced)) == 2)
        assert "went back" in running.consumer.of(Disconnected)[0].fault


def test_a_line_may_span_chunks_and_a_chunk_many_lines(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.mute = True
        for size in range(50):
            server.put(f"t{size % 7}", size=size)
        server.mute = False
        stream = b"".join(event for _, event in server.history)
        rng = random.Random(1)  # noqa: S311 - the same cuts every time
        while stream:
            cut = rng.choice((1, 3, 100, 1000))
            server.send(stream[:cut])
            stream = stream[cut:]
        consumer.wait_for("t0", 49)
        assert len(consumer.of(Changed)) == 50


def test_reconnecting_over_and_over_loses_nothing_and_tells_nothing_twice(server: FakeApiServer) -> None:
    rng = random.Random(2)  # noqa: S311 - the same story every time
    names = [f"n{i}" for i in range(10)]
    with reflecting(server, longest_pause=0.02) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        for step in range(600):
            name = rng.choice(names)
            if rng.random() < 0.3 and name in server.objects:
                server.delete(name)
            else:
                server.put(name, size=step)
            if step % 50 == 25:
                server.end_watches(rng.choice((CUT, END)))
            if step % 97 == 0:
                time.sleep(0.03)
        server.put("last", size=1)
        consumer.wait_for("last", 1)
        assert consumer.sizes == {name: thing["size"] for name, thing in server.objects.items()}
        changes = [item.revision for item in list(consumer.news) if isinstance(item, Changed | Deleted)]
        assert changes == [revision for revision, _ in server.history]
        assert server.count("list") == 1


def test_an_endless_line_is_cut_off(server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.kube.stream.LONGEST_LINE", 1 << 20)
    with reflecting(server, idle_timeout=5) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        for _ in range(20):
            server.send(b"x" * 100_000)
        consumer.wait(lambda: any("a line of more than 1 MiB" in item.fault for item in consumer.of(Disconnected)))
