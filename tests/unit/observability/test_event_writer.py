"""Events as they stand in the API: one for an object and a reason, in which all replicas count."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_events import FakeEvents
from tests.support.fake_http import Call, Fault, Handler
from webhook.core.events.aggregator import Occurrence
from webhook.core.events.reference import Reference
from webhook.kube.client import Api
from webhook.kube.stream import ApiError, Conflict, NotFound, Unreachable
from webhook.observability.event_writer import EventWriter, name_of, shortened

WEB = Reference("apps/v1", "Deployment", "shop", "web", "uid-web")
NOON = 1_767_268_800.9  # 2026-01-01 12:00:00.9 UTC
Write = Callable[..., None]


def refused(text: str = "pod shop/web-1 does not fit") -> Occurrence:
    return Occurrence(WEB, "Warning", "MemoryCommitmentExceeded", "CreatePod", text)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEvents]:
    for module in ("event_writer", "owners"):  # a busy machine may take longer than two seconds for a call
        monkeypatch.setattr(f"webhook.observability.{module}._TIMEOUT", 30.0)
    with FakeEvents() as server:
        yield server


def writer(server: FakeEvents, replica: str = "r1") -> Write:
    events = EventWriter(Api(Configuration(host=server.url)), replica)

    def write(count: int = 1, first: float = NOON, last: float = NOON, text: str = "it does not fit") -> None:
        events.write(WEB, refused(text), count, first, last)

    return write


def only(server: FakeEvents) -> dict[str, Any]:
    (found,) = server.shelf.events()
    return found


def test_the_first_is_made_completely(server: FakeEvents) -> None:
    writer(server)(3, NOON, NOON + 8)
    event = only(server)
    name = event["metadata"].pop("name")
    assert name.startswith("web.")
    assert server.calls[-1].path == "/api/v1/namespaces/shop/events"
    del event["metadata"]["resourceVersion"]
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": "shop"},
        "involvedObject": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "namespace": "shop",
            "name": "web",
            "uid": "uid-web",
        },
        "type": "Warning",
        "reason": "MemoryCommitmentExceeded",
        "action": "CreatePod",
        "message": "it does not fit",
        "count": 3,
        "firstTimestamp": "2026-01-01T12:00:00Z",
        "lastTimestamp": "2026-01-01T12:00:08Z",
        "source": {"component": "headroom.internal/admission"},
        "reportingComponent": "headroom.internal/admission",
        "reportingInstance": "r1",
    }


def test_what_follows_is_counted_in_it_with_the_newest_text(server: FakeEvents) -> None:
    write = writer(server)
    write(1)
    write(4, NOON + 10, NOON + 20, "it still does not fit")
    event = only(server)
    assert (event["count"], event["message"]) == (5, "it still does not fit")
    assert (event["firstTimestamp"], event["lastTimestamp"]) == ("2026-01-01T12:00:00Z", "2026-01-01T12:00:20Z")


def test_a_replica_whose_clock_is_behind_does_not_turn_the_time_back(server: FakeEvents) -> None:
    writer(server)()
    writer(server, "r2")(1, NOON - 60, NOON - 60)
    assert only(server)["lastTimestamp"] == "2026-01-01T12:00:00Z"


def test_replicas_that_write_at_once_lose_no_count(server: FakeEvents) -> None:
    def often(replica: str) -> int:
        write = writer(server, replica)
        lost = 0
        for _ in range(25):
            try:
                write()
            except Conflict:
                lost += 1
        return lost

    with ThreadPoolExecutor(3) as replicas:
        lost = sum(replicas.map(often, ("r1", "r2", "r3")))
    assert only(server)["count"] == 75 - lost


def test_one_that_was_made_meanwhile_is_counted_in(server: FakeEvents) -> None:
    other = writer(server, "r2")

    def late(handler: Handler, call: Call) -> None:
        threading.Thread(target=other).start()
        while not server.shelf.events():
            threading.Event().wait(0.005)
        handler.tell_truth(call)

    server.faults.append(Fault("POST", late))
    writer(server)(2)
    assert (only(server)["count"], only(server)["reportingInstance"]) == (3, "r2")


def test_one_that_expired_meanwhile_is_made_anew(server: FakeEvents) -> None:
    write = writer(server)
    write(7)

    def gone(handler: Handler, call: Call) -> None:
        server.shelf.objects.clear()
        handler.tell_truth(call)

    server.faults.append(Fault("PATCH", gone))
    write(2)
    assert only(server)["count"] == 2


def test_a_conflict_that_lasts_is_raised_after_three_tries(server: FakeEvents) -> None:
    write = writer(server)
    write()
    server.refuse("PATCH", 409, times=9)
    with pytest.raises(Conflict):
        write()
    assert server.count("PATCH") == 3


def test_a_namespace_that_is_gone_is_raised(server: FakeEvents) -> None:
    server.refuse("POST", 404, times=9)
    with pytest.raises(NotFound):
        writer(server)()
    assert server.count("POST") == 3


@pytest.mark.parametrize("kind", ["list", "POST"])
@pytest.mark.parametrize("status", [403, 422, 429, 500])
def test_a_refusal_is_raised_at_once(server: FakeEvents, kind: str, status: int) -> None:
    server.refuse(kind, status, times=9)
    with pytest.raises(ApiError) as error:
        writer(server)()
    assert error.value.status == status
    assert server.count(kind) == 1


def test_an_api_server_that_is_away_is_raised(server: FakeEvents) -> None:
    server.down()
    with pytest.raises(Unreachable):
        writer(server)()


@pytest.mark.parametrize(
    "there", [{}, {"count": None, "lastTimestamp": None}, {"count": 2**31 - 1}, {"lastTimestamp": ""}]
)
def test_whatever_stands_under_the_name_is_counted_on(server: FakeEvents, there: dict[str, Any]) -> None:
    server.shelf.put(f"/api/v1/namespaces/shop/events/{name_of(WEB, refused().reason)}", there)
    writer(server)()
    assert only(server)["count"] == min(2**31 - 1, (there.get("count") or 0) + 1)
    assert only(server)["lastTimestamp"] == "2026-01-01T12:00:00Z"


def test_a_name_is_made_from_the_object_and_the_reason_alone() -> None:
    assert name_of(WEB, "A") == name_of(WEB._replace(api_version="apps/v2"), "A")
    names = {name_of(WEB, "A"), name_of(WEB, "B"), name_of(WEB._replace(uid="uid-2"), "A")}
    assert len(names) == 3


@pytest.mark.parametrize("name", ["a", "a" * 253, f"{'a' * 199}.b", f"{'a' * 198}-.b"])
def test_a_name_is_one_that_kubernetes_takes(name: str) -> None:
    made = name_of(WEB._replace(name=name), "A")
    assert len(made) <= 253
    assert all(part and part.strip("-") == part for part in made.split("."))


@pytest.mark.parametrize("text", ["", "short", "x" * 20, "ü" * 10, "x" * 21, "ü" * 11, "💾" * 50, "\ud800" * 9])
def test_a_text_is_cut_to_bytes_between_characters(text: str) -> None:
    cut = shortened(text, 20)
    if len(text.encode(errors="replace")) <= 20:
        assert cut == text
    else:
        assert len(cut.encode()) <= 20
        assert cut.endswith("…")
        assert text.startswith(cut[:-1]) or "\ud800" in text
