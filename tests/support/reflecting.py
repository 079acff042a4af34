"""A reflector that runs in its own thread, and a consumer that keeps every event and checks what must always hold."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
from kubernetes.client.configuration import Configuration

from tests.support.fake_apiserver import FakeApiServer
from webhook.kube.client import Api
from webhook.kube.throttle import NO_THROTTLE, ReadThrottle
from webhook.watch.decoder import Resource
from webhook.watch.events import (
    Bookmark,
    Changed,
    Connected,
    Deleted,
    Disconnected,
    Fresh,
    Replaced,
    Unreadable,
    WatchEvent,
    WentBack,
)
from webhook.watch.reflector import Reflector, Timing

PATH = "/api/v1/things"
# Pauses are short. Time-outs of calls are not, because the fake API server may be slow on a busy machine.
SHORT = Timing(
    page=30, watch=300, idle_timeout=30, answer=30, probe=10, shortest_pause=0.02, longest_pause=0.3, settled=0.2
)
PATIENCE = 30.0  # seconds
Item = TypeVar("Item")


class Meta(msgspec.Struct, rename="camel"):
    """Metadata of a thing."""

    name: str
    uid: str
    resource_version: str
    namespace: str = ""


class Thing(msgspec.Struct):
    """A small object."""

    metadata: Meta
    size: int = 0


def whole(thing: Thing) -> Thing:
    """Keep a thing as it is."""
    return thing


THINGS = Resource(PATH, Thing, msgspec.json.Decoder(Thing).decode, whole)


class Consumer:
    """Keeps the events, and the state that follows from them."""

    def __init__(self) -> None:
        self.news: list[WatchEvent[Thing]] = []
        self.sizes: dict[str, int] = {}
        self.unknown: set[str] = set()
        self.revision = 0
        self.proven = float("-inf")
        self.fail_on: Callable[[WatchEvent[Thing]], bool] = lambda _: False
        self._told = threading.Condition()

    def take(self, news: WatchEvent[Thing]) -> None:
        """Take one event, and check that each change is newer than everything delivered before it."""
        with self._told:
            if self.fail_on(news):
                raise RuntimeError("the consumer is broken")
            self.news.append(news)
            self._apply(news)
            self._told.notify_all()

    def wait(self, done: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until events make `done` true."""
        with self._told:
            assert self._told.wait_for(done, seconds), self.news[-10:]

    def wait_for(self, name: str, size: int) -> None:
        """Wait until a thing has a size."""
        self.wait(lambda: self.sizes.get(name) == size)

    def of(self, kind: type[Item]) -> list[Item]:
        """Return the events of a kind."""
        return [item for item in list(self.news) if isinstance(item, kind)]

    def _apply(self, news: WatchEvent[Thing]) -> None:
        match news:
            case Replaced(objects=objects, unreadable=unreadable):
                self.sizes = {thing.metadata.name: thing.size for thing in objects}
                self.unknown = {item.name for item in unreadable}
                self.revision = news.revision
            case Changed() | Deleted() | Unreadable():
                assert news.revision > self.revision, f"told twice, or out of order: {news}"
                self._apply_change(news)
                self.revision = news.revision
            case Bookmark():
                assert news.revision >= self.revision
                self.revision = news.revision
            case Fresh():
                self.proven = news.since
            case WentBack():
                self.revision = 0
            case Connected() | Disconnected():
                pass

    def _apply_change(self, news: Changed[Thing] | Deleted[Thing] | Unreadable) -> None:
        match news:
            case Changed():
                self.sizes[news.object.metadata.name] = news.object.size
                self.unknown.discard(news.object.metadata.name)
            case Deleted():
                self.sizes.pop(news.object.metadata.name)
            case Unreadable():
                self.sizes.pop(news.name, None)
                (self.unknown.discard if news.deleted else self.unknown.add)(news.name)


@dataclass(frozen=True)
class Running:
    """A reflector, its consumer, its thread, and the pauses that it asked for after failures."""

    reflector: Reflector[Thing]
    consumer: Consumer
    thread: threading.Thread
    pauses: list[float]

    def stop(self) -> float:
        """Stop the reflector; return how many seconds that took."""
        began = time.monotonic()
        self.reflector.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return time.monotonic() - began


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds that no event reports."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def reflecting(
    server: FakeApiServer,
    jitter: Callable[[], float] = random.random,
    pause: ReadThrottle = NO_THROTTLE,
    **changes: float,
) -> Iterator[Running]:
    """Run a reflector against the server; `changes` change its timing."""
    api = Api(Configuration(host=server.url))
    consumer = Consumer()
    reflector = Reflector(api, THINGS, consumer.take, timing=replace(SHORT, **changes), pause=pause, jitter=jitter)
    pauses = list[float]()
    wait = reflector._stop.wait

    def noted(seconds: float) -> bool:
        pauses.append(seconds)
        return wait(seconds)

    reflector._stop.wait = noted  # type: ignore[method-assign,assignment]  # it is called with a number only
    thread = threading.Thread(target=reflector.run, daemon=True)
    thread.start()
    try:
        yield Running(reflector, consumer, thread, pauses)
    finally:
        reflector.stop()
        thread.join(PATIENCE)
        api.close()
    assert not thread.is_alive()
