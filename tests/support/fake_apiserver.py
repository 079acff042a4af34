"""A small API server for one resource: real HTTP on loopback, with pages of lists, watches, bookmarks and faults."""

import ssl
import threading
import time
from typing import Any, Self

from devcluster.ports import free_port
from tests.support.fake_http import CUT, END, Call, Fault, Handler, Server, Watch, line


class FakeApiServer:
    """The objects, their history, and the server that serves them; use it in a `with` statement."""

    def __init__(self, tls: ssl.SSLContext | None = None, page: int = 500) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.history: list[tuple[int, bytes]] = []
        self.revision = 1000
        self.oldest = 0  # watches from before this revision get 410 Gone
        self.gone_as_event = True
        self.page = page
        self.mute = False  # True: open watches stay open, but send nothing
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.watches: list[Watch] = []
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._tls = tls
        # Not an ephemeral port: while this server is `down`, the system could give it to a client that reconnects.
        self._address = ("127.0.0.1", free_port())
        self._http: Server | None = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.down()

    @property
    def url(self) -> str:
        """The URL of the server; it stays the same after `down` and `up`."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._address[1]}"

    @property
    def connections(self) -> int:
        """How many connections there have been since `up`."""
        return len(self._http.connections) if self._http else 0

    def handler(self) -> type[Handler]:
        """Return the class that answers calls; a client may send the first call before `up` has returned."""
        return Handler

    def up(self) -> None:
        """Listen."""
        self._http = Server(self._address, self, self._tls, self.handler())
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Refuse new connections and drop the open ones."""
        http, self._http = self._http, None
        if http is not None:
            http.shutdown()
            http.server_close()
            http.drop_connections()
        self.end_watches(CUT)

    def put(self, name: str, **fields: Any) -> int:
        """Create or change an object and send the event to the watches; return its revision."""
        with self.lock:
            self.revision += 1
            metadata = {
                "name": name,
                "namespace": "default",
                "uid": f"uid-{name}",
                "resourceVersion": str(self.revision),
            }
            kind = "MODIFIED" if name in self.objects else "ADDED"
            self.objects[name] = {"metadata": metadata, **fields}
            return self._record(kind, self.objects[name])

    def delete(self, name: str) -> int:
        """Delete an object and send the event to the watches; return the revision of the deletion."""
        with self.lock:
            self.revision += 1
            last = self.objects.pop(name)
            last["metadata"] = last["metadata"] | {"resourceVersion": str(self.revision)}
            return self._record("DELETED", last)

    def rewind(self, revisions: int) -> None:
        """Go back by so many revisions, to when there was nothing at all, as an etcd restored from a backup does."""
        with self.lock:
            self.revision -= revisions
            self.objects.clear()
            self.history.clear()

    def bookmark(self, revision: int | None = None) -> None:
        """Send a bookmark to the open watches, of the current revision unless another is given."""
        metadata = {"resourceVersion": str(revision or self.revision), "creationTimestamp": None}
        self.send(line("BOOKMARK", {"kind": "Thing", "metadata": metadata, "spec": {"containers": None}}))

    def send(self, chunk: bytes) -> None:
        """Send bytes to the open watches; they need not be a valid event."""
        with self.lock:
            for watch in self.watches:
                if not self.mute:
                    watch.chunks.put(chunk)

    def end_watches(self, how: bytes = END) -> None:
        """End the open watches: `END` ends them properly, `CUT` drops the connections."""
        with self.lock:
            for watch in self.watches:
                watch.chunks.put(how)
            self.watches.clear()

    def refuse(self, kind: str, status: int, *, times: int = 1, skip: int = 0, retry_after: str = "") -> None:
        """Answer the next calls of this kind with an error, after `skip` normal answers."""
        self.faults.append(Fault(kind, lambda handler, _: handler.refuse(status, retry_after), times, skip))

    def hang(self, kind: str, times: int = 1) -> None:
        """Accept the next calls of this kind and never answer them."""

        def wait(*_: object) -> None:
            self.closing.wait(30)

        self.faults.append(Fault(kind, wait, times))

    def reply(self, kind: str, body: bytes, *, status: int = 200, times: int = 1, whole: bool = True) -> None:
        """Answer the next calls of this kind with this body.

        Unless `whole`, the answer lacks its last byte, and the connection stays open in silence.
        """

        def answer(handler: Handler, _: Call) -> None:
            handler.answer(status, body, None if whole else {"Content-Length": str(len(body) + 1)})
            if not whole:
                self.closing.wait(30)

        self.faults.append(Fault(kind, answer, times))

    def trickle(self, kind: str, body: bytes, every: float) -> None:
        """Answer the next call of this kind byte by byte, one byte every `every` seconds."""

        def answer(handler: Handler, _: Call) -> None:
            handler.begin_chunks()
            for byte in body:
                if self.closing.wait(every):
                    return
                handler.chunk(bytes([byte]))
            handler.chunk(b"")

        self.faults.append(Fault(kind, answer))

    def late(self, kind: str, seconds: float) -> Fault:
        """Make a fault that gives the normal answer, but late."""

        def answer(handler: Handler, call: Call) -> None:
            time.sleep(seconds)
            handler.tell_truth(call)

        return Fault(kind, answer)

    def count(self, kind: str) -> int:
        """Count the calls of a kind so far."""
        return sum(call.kind == kind for call in list(self.calls))

    def open_watch(self, since: int) -> Watch:
        """Begin a watch with the events after its revision."""
        with self.lock:
            watch = Watch(since)
            for revision, event in self.history:
                if revision > since and not self.mute:
                    watch.chunks.put(event)
            self.watches.append(watch)
            return watch

    def _record(self, kind: str, thing: dict[str, Any]) -> int:
        event = line(kind, thing)
        self.history.append((self.revision, event))
        self.send(event)
        return self.revision
