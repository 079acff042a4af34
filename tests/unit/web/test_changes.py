"""The streams of changes: what they say, when, and to how many."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.reports import FixedRefusals, Reports, denial, scope, sources
from webhook.http.messages import Response, Stream
from webhook.web.answers import Answers
from webhook.web.changes import Changes, IsAllowed


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - tests look from outside
            await asyncio.sleep(0.001)


class Reader:
    """A reader of a stream."""

    def __init__(self, changes: Changes, is_allowed: IsAllowed | None = None) -> None:
        stream = changes.open(is_allowed)
        assert isinstance(stream, Stream)
        assert stream.content_type == "text/event-stream; charset=utf-8"
        self.stream, self.received, self.ended = stream, list[bytes](), False
        stream.joined(self)

    def push(self, data: bytes) -> bool:
        """Take what is sent."""
        self.received.append(data)
        return True

    def end_stream(self) -> None:
        """Note the end."""
        self.ended = True

    def leave(self) -> None:
        """Close the connection."""
        self.stream.left(self)

    async def receive(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many events in all, and return them."""
        await until(lambda: len(self.events) >= count)
        return self.events

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the data of all events so far."""
        found = [each for each in self.received if each.startswith(b"event: changed\ndata: ")]
        assert all(each.endswith(b"}\n\n") for each in found)
        return [json.loads(each.partition(b"data: ")[2]) for each in found]


class Scene:
    """Streams over reports that a test changes."""

    def __init__(self) -> None:
        self.reports, self.refusals = Reports(), FixedRefusals()
        self.answers = Answers(sources(self.reports, self.refusals))
        self.changes = Changes(self.answers, ThreadPoolExecutor(1), lambda: 0.001)

    def play(self, script: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await script()

        asyncio.run(run())


def test_a_reader_hears_how_things_are_at_once_and_then_each_change() -> None:
    scene = Scene()

    async def script() -> None:
        reader = Reader(scene.changes)
        (first,) = await reader.receive(1)
        assert first == {"revision": 71, "commitment": scene.answers.commitment().etag, "refusals": 0}
        scene.reports.change(scope_rows=(scope(free=1),), revision=72)
        _, second = await reader.receive(2)
        assert second["revision"] == 72
        assert second["commitment"] == scene.answers.commitment().etag != first["commitment"]
        scene.refusals.rows.append(denial("x"))
        assert (await reader.receive(3))[2]["refusals"] == 1
        reader.leave()

    scene.play(script)


def test_nothing_is_said_while_nothing_changes() -> None:
    scene = Scene()

    async def script() -> None:
        reader = Reader(scene.changes)
        await reader.receive(1)
        await asyncio.sleep(0.05)
        assert len(reader.received) == 1
        reader.leave()

    scene.play(script)


def test_a_second_reader_hears_at_once_too_and_costs_no_look_of_its_own() -> None:
    scene = Scene()

    async def script() -> None:
        first = Reader(scene.changes)
        await first.receive(1)
        second = Reader(scene.changes)
        assert len(second.events) == 1
        scene.reports.change(scope_rows=())
        assert (await first.receive(2))[1] == (await second.receive(2))[1]
        first.leave()
        second.leave()

    scene.play(script)


def test_signs_of_life_are_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.web.changes._ALIVE", 0.01)
    scene = Scene()

    async def script() -> None:
        reader = Reader(scene.changes)
        await until(lambda: reader.received.count(b": alive\n\n") >= 2)
        assert len(reader.events) == 1
        reader.leave()

    scene.play(script)


def test_streams_are_bounded() -> None:
    scene = Scene()

    async def script() -> None:
        readers = [Reader(scene.changes) for _ in range(16)]
        refused = scene.changes.open()
        assert isinstance(refused, Response)
        assert (refused.status, refused.retry_after) == (503, 10)
        assert b"16 streams are open: close one" in refused.body
        readers[3].leave()
        Reader(scene.changes).leave()
        for reader in readers:
            reader.leave()
        assert len(scene.changes) == 0

    scene.play(script)


def test_when_all_have_left_nothing_is_looked_at_until_somebody_comes() -> None:
    scene = Scene()

    async def script() -> None:
        reader = Reader(scene.changes)
        await reader.receive(1)
        reader.leave()
        await until(lambda: scene.changes._looking is None)
        scene.reports.change(revision=99, scope_rows=())
        again = Reader(scene.changes)
        assert (await again.receive(1))[0]["revision"] == 99
        again.leave()

    scene.play(script)


def test_who_may_not_read_any_longer_is_sent_nothing_more_and_their_stream_ends() -> None:
    scene = Scene()
    allowed = {"one": True, "other": True}

    async def script() -> None:
        async def one_may() -> bool:
            return allowed["one"]

        async def other_may() -> bool:
            return allowed["other"]

        one, other, anybody = Reader(scene.changes, one_may), Reader(scene.changes, other_may), Reader(scene.changes)
        await other.receive(1)
        allowed["one"] = False
        await until(lambda: one.ended)
        scene.reports.change(revision=72, scope_rows=())
        await other.receive(2)
        await anybody.receive(2)
        assert len(one.events) == 1
        assert (other.ended, anybody.ended, len(scene.changes)) == (False, False, 2)
        one.leave()
        other.leave()
        anybody.leave()

    scene.play(script)


def test_who_leaves_while_it_is_asked_whether_they_may_read_is_not_ended_again() -> None:
    scene = Scene()

    async def script() -> None:
        async def may() -> bool:
            reader.leave()
            return False

        reader = Reader(scene.changes, may)
        await until(lambda: len(scene.changes) == 0)
        await until(lambda: scene.changes._looking is None)
        assert not reader.ended

    scene.play(script)


def test_a_fault_ends_the_streams_and_the_next_one_begins_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene()

    async def script() -> None:
        with monkeypatch.context() as broken:
            broken.setattr(scene.reports, "latest", lambda: 1 // 0)
            reader = Reader(scene.changes)
            await until(lambda: reader.ended)
            reader.leave()
        again = Reader(scene.changes)
        assert len(await again.receive(1)) == 1
        again.leave()

    scene.play(script)
    assert "the streams of changes end" in caplog.text
