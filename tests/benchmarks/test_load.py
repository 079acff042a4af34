"""The load generator: it counts what it is answered, holds what it stalls, and shows the pods that it was told of."""

import json
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks import alone, load
from benchmarks.feed import Feed
from benchmarks.load import Stalled
from benchmarks.rivals import Server, go_nothing, python_webhook
from webhook.controllers.watches import NODES, PODS
from webhook.kube.client import Api, configure
from webhook.kube.stream import Conflict
from webhook.watch.events import Bookmark, Changed, Deleted
from webhook.watch.listwatch import ListWatch

PODS_THERE, NODES_THERE = 1_234, 7


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    """A feed of some pods."""
    with Feed(tmp_path_factory.mktemp("feed"), PODS_THERE, NODES_THERE) as running:
        yield running


@pytest.fixture
def api(feed: Feed) -> Iterator[Api]:
    """Calls to it."""
    made = Api(configure(str(feed.files.kubeconfig)))
    yield made
    made.close()


@pytest.fixture
def nothing(feed: Feed) -> Iterator[Server]:
    """The Go webhook that does nothing."""
    server = go_nothing(feed.files)
    server.start()
    yield server
    server.stop()


def test_every_review_is_counted_once(feed: Feed, nothing: Server) -> None:
    flags = {"ca-file": feed.files.ca_file, "review": load.DATA / "review.json", "clients": 3, "count": 50, "warm": 2}
    seen = load.run("replay", {"url": f"{nothing.url}/validate", **flags})
    assert (seen.answers, seen.outcomes["allowed"].count, seen.errors) == (50, 50, {})
    assert 0 < seen.cpu_seconds < 60
    latency = seen.outcomes["allowed"]
    assert 0 < latency.p50_ms <= latency.p90_ms <= latency.p99_ms <= latency.max_ms


def test_what_is_no_admission_is_counted_apart_with_its_text(feed: Feed, nothing: Server) -> None:
    flags = {"ca-file": feed.files.ca_file, "review": load.DATA / "review.json", "count": 5}
    seen = load.run("replay", {"url": f"{nothing.url}/nowhere", **flags})
    assert seen.figures("allowed")["failures"] == 5
    assert seen.errors == {"404: # page not found\n": 5}


def test_a_server_that_is_not_there_is_an_error(feed: Feed) -> None:
    flags = {"url": "https://127.0.0.1:1/", "ca-file": feed.files.ca_file, "review": load.DATA / "review.json"}
    with pytest.raises(RuntimeError, match="connection refused"):
        load.run("replay", flags)


@pytest.mark.parametrize("kind", ["bytes", "flask", "flask-gthread"])
def test_webhooks_that_do_nothing_let_everything_in(feed: Feed, kind: str) -> None:
    server = python_webhook(f"test-{kind}", kind, feed.files, 4)
    server.start()
    try:
        seen = alone.replay(server, feed.files, 6, "a-", seconds=0.2)
    finally:
        server.stop()
    assert seen.outcomes.keys() == {"allowed"}


@pytest.mark.parametrize("stage", ["tcp", "hello", "handshake", "headers", "body"])
def test_stalled_peers_stay_until_they_are_let_go(feed: Feed, nothing: Server, stage: str) -> None:
    with Stalled(nothing.url or "", feed.files.ca_file, stage, 5) as stalled:
        assert alone.replay(nothing, feed.files, 1, "b-", seconds=0.1).answers > 0
        lost = stalled.release()
    assert (lost.peers, lost.ended) == (5, 0)


def test_stalled_peers_that_the_server_ends_are_counted(feed: Feed, nothing: Server) -> None:
    with Stalled(nothing.url or "", feed.files.ca_file, "handshake", 5) as stalled:
        nothing.stop()
        time.sleep(0.5)  # for the news to reach the peers
        assert stalled.release().ended == 5


def test_peers_that_do_not_get_to_their_stage_are_an_error_unless_others_do(feed: Feed, nothing: Server) -> None:
    with Stalled(nothing.url or "", feed.files.ca_file, "handshake", 5, lossy=True) as stalled:
        assert stalled.release().ended == 0
    nothing.stop()
    for lossy in (False, True):
        dead = Stalled(nothing.url or "", feed.files.ca_file, "handshake", 5, lossy=lossy)
        with pytest.raises(RuntimeError, match="could not be brought"), dead:
            pass


def test_the_feed_lists_every_pod_and_node_once(api: Api) -> None:
    pods = ListWatch(api, PODS).list(10.0)
    assert len({pod.uid for pod in pods.objects}) == PODS_THERE
    assert len({pod.name for pod in pods.objects}) == PODS_THERE
    assert max(pod.revision for pod in pods.objects) <= pods.revision
    assert len(ListWatch(api, NODES).list(10.0).objects) == NODES_THERE


def test_the_feed_shows_pods_that_were_let_in_and_lets_them_go(feed: Feed, api: Api) -> None:
    since = ListWatch(api, PODS).newest(10.0)
    feed.show(["a", "b"])
    with ListWatch(api, PODS).watch(since, 10.0, 10.0) as events:
        told = [next(events) for _ in range(4)]
    assert [type(event) for event in told] == [Changed, Changed, Deleted, Deleted]
    assert [event.object.uid for event in told if isinstance(event, Changed | Deleted)] == ["a-pod", "b-pod"] * 2
    assert [event.revision for event in told] == [since + 1, since + 2, since + 3, since + 4]


def test_pods_that_are_cleared_go_at_once_and_once_only(feed: Feed, api: Api) -> None:
    since = ListWatch(api, PODS).newest(10.0)
    feed.show(["c", "d"])
    feed.clear()
    feed.show(["d"])  # another pod of the name, whose own time begins now
    time.sleep(1.0)
    feed.show(["e"])
    with ListWatch(api, PODS).watch(since, 10.0, 10.0) as events:
        told = [next(events) for _ in range(8)]
    seen = [(type(event), event.object.uid) for event in told if isinstance(event, Changed | Deleted)]
    assert sorted(seen[2:4], key=str) == [(Deleted, "c-pod"), (Deleted, "d-pod")]
    assert seen[4:] == [(Changed, "d-pod"), (Changed, "e-pod"), (Deleted, "d-pod"), (Deleted, "e-pod")]


def test_the_feed_ends_a_watch_when_its_time_is_up_with_a_bookmark_before(api: Api) -> None:
    pods = ListWatch(api, PODS)
    with pods.watch(pods.newest(10.0), 3.0, 10.0) as events:
        assert [type(event) for event in events] == [Bookmark]


def test_a_storm_is_sent_to_a_watch_in_full(feed: Feed, api: Api) -> None:
    pods = ListWatch(api, PODS)
    with pods.watch(pods.newest(10.0), 20.0, 10.0) as events:
        storm = threading.Thread(target=feed.storm, args=(2_000, "modified"))
        storm.start()
        revisions = [next(events).revision for _ in range(2_000)]
        storm.join(10.0)
    assert revisions == list(range(revisions[0], revisions[0] + 2_000))


def test_config_maps_of_the_feed_are_changed_by_compare_and_swap(api: Api) -> None:
    path = "/api/v1/namespaces/test/configmaps"
    made = json.loads(api.create(path, b'{"metadata":{"name":"one"},"data":{"a":"1"}}').body)
    body = json.dumps(made | {"data": {"a": "2"}}).encode()
    assert json.loads(api.replace(f"{path}/one", body).body)["data"] == {"a": "2"}
    with pytest.raises(Conflict):
        api.replace(f"{path}/one", body)
