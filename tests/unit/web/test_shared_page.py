"""One page for all that ask before it is begun."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from webhook.http.messages import Response, plain
from webhook.web.shared_page import SharedPage


class Maker:
    """Makes pages, the first of which waits for the test."""

    def __init__(self) -> None:
        self.begun = 0
        self.started, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> Response:
        self.begun += 1
        number = self.begun
        self.started.set()
        assert self.go_on.wait(30)
        return plain(200, str(number))


def test_all_that_ask_before_a_page_is_begun_get_the_same() -> None:
    make = Maker()

    async def run() -> list[bytes]:
        page = SharedPage(ThreadPoolExecutor(1))
        first = asyncio.ensure_future(page.get("a", make))
        await asyncio.to_thread(make.started.wait, 30)
        later = [asyncio.ensure_future(page.get("a", make)) for _ in range(5)]
        await asyncio.sleep(0)
        make.go_on.set()
        return [each.body for each in await asyncio.gather(first, *later)]

    assert asyncio.run(run()) == [b"1\n", *[b"2\n"] * 5]


def test_who_leaves_takes_the_page_from_nobody() -> None:
    make = Maker()

    async def run() -> bytes:
        page = SharedPage(ThreadPoolExecutor(1))
        before = asyncio.ensure_future(page.get("a", make))
        await asyncio.to_thread(make.started.wait, 30)  # so that the page of the next two cannot begin yet
        leaves, stays = (asyncio.ensure_future(page.get("a", make)) for _ in range(2))
        await asyncio.sleep(0)
        leaves.cancel()
        make.go_on.set()
        await before
        return (await stays).body

    assert asyncio.run(run()) == b"2\n"


def test_other_pages_are_others() -> None:
    make = Maker()
    make.go_on.set()

    async def run() -> int:
        page = SharedPage(ThreadPoolExecutor(1))
        await asyncio.gather(page.get("a", make), page.get("b", make))
        return make.begun

    assert asyncio.run(run()) == 2


def test_a_fault_reaches_who_asked_and_the_next_page_is_made() -> None:
    async def run() -> bytes:
        page = SharedPage(ThreadPoolExecutor(1))
        with pytest.raises(ZeroDivisionError):
            await page.get("a", lambda: plain(1 // 0, ""))
        return (await page.get("a", lambda: plain(200, "fine"))).body

    assert asyncio.run(run()) == b"fine\n"
