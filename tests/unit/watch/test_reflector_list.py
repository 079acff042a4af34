"""A reflector's lists: in pages, consistent, delivered in one piece, and not stopped by one bad object."""

from collections.abc import Iterator

import pytest

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_http import Call, Fault, Handler, line
from tests.support.reflecting import reflecting
from webhook.watch.events import Changed, Connected, Disconnected, Fresh, Replaced, Unreadable


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer(page=10) as fake:
        yield fake


def test_pages_are_delivered_in_one_piece(server: FakeApiServer) -> None:
    for number in range(35):
        server.put(f"t{number}", size=number)
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Fresh)))
        assert [len(item.objects) for item in running.consumer.of(Replaced)] == [35]
        assert running.consumer.sizes == {f"t{number}": number for number in range(35)}
        assert [call.query.get("continue") for call in server.calls if call.kind == "list"] == [None, "10", "20", "30"]


def test_the_watch_goes_on_from_the_first_page(server: FakeApiServer) -> None:
    """What changes while pages are read is told by the watch, whichever revision the later pages show."""
    for number in range(12):
        server.put(f"t{number:02}", size=0)
    first = server.revision

    def change_between_pages(handler: Handler, call: Call) -> None:
        server.put("t00", size=1)
        handler.tell_truth(call)

    server.faults.append(Fault("list", change_between_pages, skip=1))
    with reflecting(server) as running:
        running.consumer.wait_for("t00", 1)
        assert running.consumer.of(Replaced)[0].revision == first
        assert server.calls[2].query["resourceVersion"] == str(first)


def test_410_between_pages_begins_the_list_anew(server: FakeApiServer) -> None:
    for number in range(25):
        server.put(f"t{number}", size=number)
    server.refuse("list", 410, skip=2)
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Replaced)))
        assert len(running.consumer.sizes) == 25
        assert [len(item.objects) for item in running.consumer.of(Replaced)] == [25]
        continued = [call.query.get("continue") for call in server.calls if call.kind == "list"]
        assert continued == [None, "10", "20", None, "10", "20"]


def test_an_object_deleted_while_no_watch_was_open_is_gone_after_the_list(server: FakeApiServer) -> None:
    server.put("a", size=1)
    server.put("b", size=1)
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Connected)))
        server.mute = True
        server.delete("a")
        server.oldest = server.revision
        server.end_watches()
        running.consumer.wait(lambda: running.consumer.sizes == {"b": 1})


def test_an_empty_list_may_be_null(server: FakeApiServer) -> None:
    server.reply("list", b'{"metadata":{"resourceVersion":"1000"},"items":null}')
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Connected)))
        (replaced,) = running.consumer.of(Replaced)
        assert replaced == Replaced([], 1000, [], replaced.since)


def test_one_bad_object_in_a_list_costs_only_itself(server: FakeApiServer, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(15):
        server.put(f"t{number}", size=number)
    revision = server.put("bad", size="huge")
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Connected)))
        assert len(running.consumer.sizes) == 15
        [bad] = running.consumer.of(Replaced)[0].unreadable
        assert (bad.namespace, bad.name, bad.uid, bad.revision) == ("default", "bad", "uid-bad", revision)
        assert "$.size" in bad.fault
        assert "1 objects cannot be read: default/bad: " in caplog.text


def test_one_bad_object_in_a_watch_costs_only_itself(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.put("good", size=1)
        server.put("bad", size="huge")
        consumer.wait(lambda: consumer.unknown == {"bad"})
        server.put("bad", size=5)
        consumer.wait_for("bad", 5)
        assert consumer.unknown == set()
        server.put("bad", size=None)
        server.delete("bad")
        server.put("good", size=2)
        consumer.wait_for("good", 2)
        assert consumer.unknown == set()
        assert [(item.name, item.deleted) for item in consumer.of(Unreadable)] == [
            ("bad", False),
            ("bad", False),
            ("bad", True),
        ]
        assert server.count("list") == 1


def test_a_bad_object_that_changes_all_the_time_does_not_flood_the_log(
    server: FakeApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    with reflecting(server, longest_pause=10) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        for _ in range(100):
            server.put("bad", size="huge")
        consumer.wait(lambda: len(consumer.of(Unreadable)) == 100)
        assert caplog.text.count("cannot be read") == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"no json\n",
        b'{"type":"ADDED"}\n',
        b'{"type":"ADDED","object":{"size":1}}\n',
        line("RENAMED", {}),
        b"\xff\n",
        b"\n",
    ],
)
def test_a_line_that_nothing_can_be_made_of_lists_again(server: FakeApiServer, garbage: bytes) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.mute = True
        server.put("hidden", size=1)
        server.mute = False
        server.send(garbage)
        consumer.wait_for("hidden", 1)
        assert len(consumer.of(Replaced)) == 2
        assert len(consumer.of(Disconnected)) == 1
        assert not consumer.of(Changed)


@pytest.mark.parametrize("page", [b"<html>", b"{}", b'{"metadata":{"resourceVersion":"x"},"items":[]}'])
def test_a_page_that_is_no_list_is_tried_again(server: FakeApiServer, page: bytes) -> None:
    server.reply("list", page)
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Connected)))
        assert running.consumer.of(Disconnected)[0].fault.startswith("a page that is not a list")
        assert server.count("list") == 2


def test_an_item_without_a_name_is_counted_all_the_same(server: FakeApiServer) -> None:
    server.reply("list", b'{"metadata":{"resourceVersion":"1000"},"items":[{"size":1}]}')
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Replaced)))
        [bad] = running.consumer.of(Replaced)[0].unreadable
        assert (bad.name, bad.revision) == ("", 0)
