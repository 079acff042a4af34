"""The calls for one resource: list, get the newest revision, watch. The reflector decides when to make which."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Generic

from webhook.kube.client import Api
from webhook.kube.stream import Stream
from webhook.kube.throttle import NO_THROTTLE, ReadThrottle
from webhook.watch.decoder import Decoder, Resource, revision_of_list
from webhook.watch.events import Event, Replaced, T, Unreadable

PAGE = 500  # objects; decoding that many pods keeps other threads waiting for a few milliseconds
HEADER_TIMEOUT = 10.0  # seconds; the headers of a watch come at once, before its first event


class ListWatch(Generic[T]):
    """Makes the calls for one resource, one at a time and from one thread; any thread may `interrupt` or `close`."""

    def __init__(self, api: Api, resource: Resource[Any, T]) -> None:
        self._api = api
        self._path = resource.path
        self._query = {"fieldSelector": resource.fields} if resource.fields else {}
        self._wire = Decoder(resource)
        self._lock = Lock()
        self._stream: Stream | None = None
        self._closed = False

    def list(self, timeout: float) -> Replaced[T]:
        """Read all objects at one revision; each page may take `timeout` seconds."""
        objects: list[T] = []
        unreadable: list[Unreadable] = []
        more: dict[str, str] = {}
        revision = None
        while revision is None or more:
            # Without a resourceVersion the list is consistent; "0" might return an older state than was delivered.
            page = self._wire.page(self._read({"limit": str(PAGE)} | more, timeout))
            objects.extend(page.objects)
            unreadable.extend(page.unreadable)
            revision = page.revision if revision is None else revision
            more = {"continue": page.more} if page.more else {}
        return Replaced(objects, revision, unreadable)

    def newest(self, timeout: float) -> int:
        """Return a revision that is at or past every change made before this call."""
        return revision_of_list(self._read({"limit": "1"}, timeout))

    @contextmanager
    def watch(
        self, since: int, seconds: float, idle_timeout: float, pause: ReadThrottle = NO_THROTTLE
    ) -> Iterator[Iterator[Event[T]]]:
        """Open a watch that yields the events after revision `since`; the API server ends it after `seconds`."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": str(since),
            "timeoutSeconds": str(round(seconds)),
        }
        with self._open(query, HEADER_TIMEOUT, idle_timeout) as stream:
            yield map(self._wire.event, stream.lines(idle_timeout, pause))

    def interrupt(self) -> None:
        """End the call whose response is being read, if there is one."""
        with self._lock:
            if self._stream is not None:
                self._stream.close()

    def close(self) -> None:
        """End the call whose response is being read, and every later call."""
        with self._lock:
            self._closed = True
        self.interrupt()

    def _read(self, query: dict[str, str], timeout: float) -> bytes:
        with self._open(query, timeout, timeout) as stream:
            return stream.rest(timeout)

    @contextmanager
    def _open(self, query: dict[str, str], header_timeout: float, idle_timeout: float) -> Iterator[Stream]:
        with self._api.stream(self._path, self._query | query, header_timeout, idle_timeout) as stream:
            with self._lock:
                self._stream = stream
                if self._closed:
                    stream.close()
            try:
                yield stream
            finally:
                with self._lock:
                    self._stream = None
