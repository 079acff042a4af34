"""A reflector over an etcd that is put back: what proves it, what does not, and what is listed though nothing does."""

import time
from collections.abc import Iterator

import pytest

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_http import CUT
from tests.support.reflecting import Running, reflecting, wait_until
from webhook.watch.events import Changed, Connected, Fresh, Replaced, WentBack


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer() as fake:
        yield fake


def begun(running: Running, server: FakeApiServer) -> None:
    running.consumer.wait(lambda: bool(running.consumer.of(Connected)))
    server.put("undone", size=1)
    running.consumer.wait_for("undone", 1)


def test_a_proof_that_finds_less_than_was_told_is_told_before_the_list(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        begun(running, server)
        server.rewind(10)
        moment = time.monotonic()
        running.reflector.request_proof()
        running.consumer.wait(lambda: running.consumer.proven >= moment)
        (back,) = running.consumer.of(WentBack)
        assert (back.known, back.found) == (1001, 991)
        replaced = running.consumer.of(Replaced)[-1]
        assert back.since == replaced.since >= moment
        news = running.consumer.news
        assert news.index(back) == news.index(replaced) - 1


def test_the_proof_counts_though_the_list_comes_after_the_revisions_were_passed(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        begun(running, server)
        server.rewind(10)
        server.reply("newest", b'{"metadata":{"resourceVersion":"991"},"items":[]}')
        server.revision += 100
        running.reflector.request_proof()
        running.consumer.wait(lambda: len(running.consumer.of(Replaced)) == 2)
        assert [(back.known, back.found) for back in running.consumer.of(WentBack)] == [(1001, 991)]


def test_a_list_that_finds_less_proves_it_once(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        begun(running, server)
        server.rewind(10)
        server.oldest = 2000
        server.end_watches(CUT)
        running.consumer.wait(lambda: len(running.consumer.of(WentBack)) == 1)
        server.oldest = 0
        running.consumer.wait(lambda: len(running.consumer.of(Connected)) >= 2)
        lists = len(running.consumer.of(Replaced))
        running.reflector.request_list()
        running.consumer.wait(lambda: len(running.consumer.of(Replaced)) > lists)
        server.put("new", size=1)
        running.consumer.wait_for("new", 1)
        assert len(running.consumer.of(WentBack)) == 1


def test_a_late_event_proves_nothing(server: FakeApiServer) -> None:
    """A watch may come to an API server that is behind; the list that follows is consistent, and all is well."""
    with reflecting(server) as running:
        begun(running, server)
        server.bookmark(900)
        running.consumer.wait(lambda: len(running.consumer.of(Replaced)) == 2)
        assert running.consumer.of(WentBack) == []


def test_who_knows_that_it_was_put_back_asks_for_a_list_that_is_compared_with_nothing(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        begun(running, server)
        server.rewind(10)
        moment = time.monotonic()
        running.reflector.request_list(restarted=True)
        running.consumer.wait(lambda: running.consumer.proven >= moment)
        assert running.consumer.of(WentBack) == []
        assert running.consumer.of(Replaced)[-1].since >= moment
        server.put("new", size=1)
        running.consumer.wait_for("new", 1)


def test_a_list_that_was_on_its_way_when_another_was_asked_for_is_not_told(server: FakeApiServer) -> None:
    server.faults.append(server.late("list", 0.3))
    with reflecting(server) as running:
        wait_until(lambda: server.count("list") == 1)
        moment = time.monotonic()
        running.reflector.request_list()
        running.consumer.wait(lambda: running.consumer.proven >= moment)
        assert len(running.consumer.of(Replaced)) == 1
        assert server.count("list") == 2


def test_a_list_that_is_asked_for_during_trouble_comes_after_it(server: FakeApiServer) -> None:
    with reflecting(server) as running:
        begun(running, server)
        server.refuse("list", 500, times=3)
        running.reflector.request_list()
        running.consumer.wait(lambda: len(running.consumer.of(Replaced)) == 2)
        assert server.count("list") == 5


def test_after_an_outage_that_is_long_enough_for_a_restore_everything_is_listed(server: FakeApiServer) -> None:
    """The revisions have been passed by then: to watch on from the last one would leave out what came before it."""
    with reflecting(server, outage=0.3) as running:
        begun(running, server)
        server.down()
        server.rewind(10)
        for number in range(20):
            server.put(f"new-{number}", size=1)
        time.sleep(0.4)
        server.up()
        running.consumer.wait(lambda: len(running.consumer.sizes) == 20)
        assert "undone" not in running.consumer.sizes
        assert [type(news) for news in running.consumer.news if not isinstance(news, Changed)].count(Replaced) == 2
        assert running.consumer.of(WentBack) == []
        assert running.consumer.of(Fresh)[-1].since == running.consumer.of(Replaced)[-1].since
