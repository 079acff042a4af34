"""One page for all that ask before it is begun: so many requests at once cost two pages at most."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from threading import Lock

from webhook.http.messages import Response


class SharedPage:
    """Makes a page on a thread. The event loop's thread asks."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._asked: dict[Hashable, Future[Response]] = {}  # requested and not begun yet
        self._asking = Lock()

    async def get(self, key: Hashable, make: Callable[[], Response]) -> Response:
        """Return the page of this key; `make` makes it, unless it was asked for and is not begun yet."""
        with self._asking:
            page = self._asked.get(key)
            if page is None:
                page = self._asked[key] = self._threads.submit(self._make, key, make)
        return await asyncio.shield(asyncio.wrap_future(page))

    def _make(self, key: Hashable, make: Callable[[], Response]) -> Response:
        with self._asking:
            del self._asked[key]
        return make()
