"""Proofs of freshness: everything that had happened before a moment has been told."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_http import CUT
from tests.support.reflecting import Running, reflecting
from webhook.watch.events import Bookmark, Connected, Disconnected, Fresh, Replaced


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer() as fake:
        yield fake


def ask(running: Running) -> float:
    moment = time.monotonic()
    running.reflector.request_proof()
    return moment


def wait_for_proof(running: Running, moment: float) -> None:
    running.consumer.wait(lambda: running.consumer.proven >= moment)


def test_a_list_proves_itself_from_before_it_was_sent(server: FakeApiServer) -> None:
    server.faults.append(server.late("list", 0.2))
    moment = time.monotonic()
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Fresh)))
        assert moment <= running.consumer.proven <= server.calls[0].at


def test_a_view_that_is_at_the_newest_revision_is_proven_without_a_watch(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.put("a", size=1)
        consumer.wait_for("a", 1)
        moment = ask(running)
        wait_for_proof(running, moment)
        assert consumer.proven < server.calls[-1].at
        consumer.wait(lambda: len(consumer.of(Connected)) == 2)
        assert [call.kind for call in server.calls] == ["list", "watch", "newest", "watch"]
        assert not consumer.of(Disconnected)


def test_a_bookmark_of_a_short_watch_proves_a_quiet_view(server: FakeApiServer) -> None:
    with reflecting(server, probe=2) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.revision += 10  # other resources were written
        moment = ask(running)
        consumer.wait(lambda: len(consumer.of(Connected)) == 2)
        assert server.calls[-1].query["timeoutSeconds"] == "2"
        assert consumer.proven < moment
        server.bookmark(server.revision - 1)
        consumer.wait(lambda: bool(consumer.of(Bookmark)))
        assert consumer.proven < moment  # one short of what the list said
        server.bookmark()
        wait_for_proof(running, moment)
        consumer.wait(lambda: len(consumer.of(Connected)) == 3)
        assert int(server.calls[-1].query["timeoutSeconds"]) >= 290
        assert (server.count("list"), server.count("newest")) == (1, 1)
        assert not consumer.of(Disconnected)


def test_an_event_proves_as_well_and_missed_ones_come_first(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.mute = True
        server.watches.clear()
        server.put("stalled", size=1)
        server.mute = False
        moment = ask(running)
        wait_for_proof(running, moment)
        told = [item for item in consumer.news if getattr(item, "object", None) or isinstance(item, Fresh)]
        assert isinstance(told[-1], Fresh)
        assert consumer.sizes == {"stalled": 1}


def test_a_short_watch_that_does_not_get_there_makes_it_list(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.mute = True  # this API server's cache has stalled
        server.put("unseen", size=1)
        moment = ask(running)
        consumer.wait(lambda: len(consumer.of(Connected)) == 2)
        assert consumer.proven < moment
        server.end_watches()
        wait_for_proof(running, moment)
        assert consumer.sizes == {"unseen": 1}
        assert len(consumer.of(Replaced)) == 2


def test_a_revision_past_the_newest_one_proves_nothing(server: FakeApiServer) -> None:
    """After etcd was restored from a backup, the view shows what never happened."""
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.put("never", size=1)
        consumer.wait_for("never", 1)
        server.rewind(10)
        moment = ask(running)
        wait_for_proof(running, moment)
        assert consumer.sizes == {}
        assert "went back" in consumer.of(Disconnected)[0].fault


@pytest.mark.parametrize("kind", ["newest", "watch"])
def test_a_proof_that_fails_is_begun_anew(server: FakeApiServer, kind: str) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.refuse(kind, 500, times=3)
        server.put("a", size=1)
        server.revision += 1
        moment = ask(running)
        consumer.wait(lambda: server.count("newest") == 4 and len(consumer.of(Connected)) == 2)
        assert consumer.proven < moment
        server.bookmark()
        wait_for_proof(running, moment)


def test_a_proof_asked_for_while_a_watch_is_being_opened_is_not_forgotten(server: FakeApiServer) -> None:
    server.faults.append(server.late("watch", 0.3))
    with reflecting(server) as running:
        running.consumer.wait(lambda: bool(running.consumer.of(Fresh)))
        time.sleep(0.1)
        wait_for_proof(running, ask(running))


def test_a_proof_asked_for_while_a_list_is_read_lets_the_list_come(server: FakeApiServer) -> None:
    server.trickle("list", b'{"metadata":{"resourceVersion":"1000"},"items":[]}', every=0.005)
    with reflecting(server) as running:
        time.sleep(0.1)
        wait_for_proof(running, ask(running))
        assert (server.count("list"), server.count("newest")) == (1, 1)
        assert not running.consumer.of(Disconnected)


def test_a_proof_asked_for_during_a_proof_waits_for_its_turn(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.revision += 1
        first = ask(running)
        consumer.wait(lambda: len(consumer.of(Connected)) == 2)
        second = ask(running)
        server.bookmark()
        wait_for_proof(running, first)
        wait_for_proof(running, second)
        assert (server.count("list"), server.count("newest")) == (1, 2)


def test_proofs_asked_for_all_the_time_do_not_keep_each_other_from_coming(server: FakeApiServer) -> None:
    stop = threading.Event()
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))

        def pester() -> None:
            while not stop.wait(0.005):
                running.reflector.request_proof()

        def write() -> None:
            while not stop.wait(0.02):
                server.put("a", size=server.revision)

        threads = [threading.Thread(target=target) for target in (pester, write)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        moment = time.monotonic()
        wait_for_proof(running, moment)
        stop.set()
        for thread in threads:
            thread.join()
        consumer.wait_for("a", server.objects["a"]["size"])
        assert consumer.proven - moment < 5, "one comes within a second where nothing else wants the processor"


def test_a_proof_asked_for_while_the_server_is_away_comes_when_it_is_back(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        consumer = running.consumer
        consumer.wait(lambda: bool(consumer.of(Connected)))
        server.end_watches(CUT)
        server.down()
        consumer.wait(lambda: len(consumer.of(Disconnected)) >= 2)
        moment = ask(running)
        server.up()
        wait_for_proof(running, moment)
