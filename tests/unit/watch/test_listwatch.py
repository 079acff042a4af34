"""The calls for one resource: lists in pages at one revision, the newest revision, watches, and how each is ended."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_http import Call, Fault, Handler
from tests.support.reflecting import PATIENCE, THINGS, Thing
from webhook.kube.client import Api
from webhook.kube.stream import Gone, Unanswered
from webhook.watch.events import Bookmark, Changed, Deleted, Event
from webhook.watch.listwatch import PAGE, ListWatch


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer(page=10) as fake:
        yield fake


@pytest.fixture
def api(server: FakeApiServer) -> Iterator[Api]:
    api = Api(Configuration(host=server.url))
    yield api
    api.close()


@pytest.fixture
def calls(api: Api) -> ListWatch[Thing]:
    return ListWatch(api, THINGS)


def test_a_list_has_the_objects_of_all_pages_at_the_revision_of_the_first(
    server: FakeApiServer, calls: ListWatch[Thing]
) -> None:
    for number in range(25):
        server.put(f"t{number:02}", size=number)
    first = server.revision

    def change_between_pages(handler: Handler, call: Call) -> None:
        server.put("t00", size=99)
        handler.tell_truth(call)

    server.faults.append(Fault("list", change_between_pages, skip=1))
    found = calls.list(30)
    assert (found.revision, len(found.objects), found.unreadable) == (first, 25, [])
    assert [call.query for call in server.calls] == [
        {"limit": str(PAGE)},
        {"limit": str(PAGE), "continue": "10"},
        {"limit": str(PAGE), "continue": "20"},
    ]


def test_a_list_keeps_what_could_not_be_read_of_every_page(server: FakeApiServer, calls: ListWatch[Thing]) -> None:
    for number in range(12):
        server.put(f"t{number:02}", size="huge" if number in (3, 11) else 1)
    found = calls.list(30)
    assert [each.name for each in found.unreadable] == ["t03", "t11"]
    assert len(found.objects) == 10


def test_a_list_of_which_a_page_is_refused_is_an_error(server: FakeApiServer, calls: ListWatch[Thing]) -> None:
    for number in range(12):
        server.put(f"t{number}")
    server.refuse("list", 410, skip=1)
    with pytest.raises(Gone):
        calls.list(30)


def test_the_newest_revision_takes_a_list_of_one(server: FakeApiServer, calls: ListWatch[Thing]) -> None:
    server.put("a")
    assert calls.newest(30) == server.revision
    assert [call.query for call in server.calls] == [{"limit": "1"}]


def test_every_call_selects_by_the_fields_of_the_resource(server: FakeApiServer, api: Api) -> None:
    of_one: ListWatch[Thing] = ListWatch(api, replace(THINGS, fields="metadata.name=a"))
    of_one.list(30)
    of_one.newest(30)
    with of_one.watch(server.revision, 5, 30):
        pass
    assert [call.query["fieldSelector"] for call in server.calls] == ["metadata.name=a"] * 3


def test_a_watch_yields_what_happens_after_its_revision(server: FakeApiServer, calls: ListWatch[Thing]) -> None:
    server.put("before", size=1)
    since = server.revision
    server.put("a", size=2)
    with calls.watch(since, 12.4, 30) as events:
        server.put("a", size=3)
        server.delete("a")
        server.bookmark()
        found = [next(events) for _ in range(4)]
    assert [type(each) for each in found] == [Changed, Changed, Deleted, Bookmark]
    assert [each.revision for each in found] == [since + 1, since + 2, since + 3, since + 3]
    assert server.calls[-1].query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": str(since),
        "timeoutSeconds": "12",
    }


def test_a_watch_that_the_api_server_ends_has_no_more_events(server: FakeApiServer, calls: ListWatch[Thing]) -> None:
    with calls.watch(server.revision, 5, 30) as events:
        server.put("a", size=1)
        assert isinstance(next(events), Changed)
        server.end_watches()
        assert list(events) == []


def reading(events: Iterator[Event[Thing]]) -> tuple[threading.Thread, list[Event[Thing]]]:
    """Read events on another thread."""
    found = list[Event[Thing]]()
    thread = threading.Thread(target=lambda: found.extend(events))
    thread.start()
    return thread, found


def test_an_interrupt_ends_the_watch_that_is_read_and_no_later_call(
    server: FakeApiServer, calls: ListWatch[Thing]
) -> None:
    calls.interrupt()  # without a call to end, it does nothing
    with calls.watch(server.revision, 300, 300) as events:
        thread, found = reading(events)
        began = time.monotonic()
        calls.interrupt()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert time.monotonic() - began < PATIENCE
    assert found == []
    assert calls.newest(30) == server.revision


def test_close_ends_the_watch_that_is_read_and_every_later_call(server: FakeApiServer, calls: ListWatch[Thing]) -> None:
    with calls.watch(server.revision, 300, 300) as events:
        thread, _ = reading(events)
        calls.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    for _ in range(2):
        with pytest.raises(Unanswered, match="ended on this side"):
            calls.newest(30)
    with calls.watch(server.revision, 5, 30) as events:
        assert list(events) == []


def test_each_page_may_take_as_long_as_it_says(server: FakeApiServer, calls: ListWatch[Thing]) -> None:
    server.trickle("list", b"x" * 1000, every=0.05)
    with pytest.raises(Unanswered):
        calls.list(0.2)
