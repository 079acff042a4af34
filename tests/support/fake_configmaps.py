"""A fake API server for ConfigMaps: create, read, compare-and-swap, and writes whose answer is lost or wrong."""

import json
from typing import Any, Self

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_http import CUT, Call, Fault, Handler, drop, encode

NAMESPACE = "headroom-system"
PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


class FakeConfigMaps(FakeApiServer):
    """A fake API server that has only ConfigMaps."""

    def handler(self) -> type[Handler]:
        return Handling

    def __enter__(self) -> Self:
        self.up()
        return self

    def write(self, name: str, data: dict[str, str]) -> int:
        """Create or change a ConfigMap unconditionally, as a user would."""
        return self.put(name, data=data)

    def data(self, name: str) -> dict[str, str]:
        """Return the data of a ConfigMap."""
        with self.lock:
            found: dict[str, str] = self.objects[name]["data"]
            return found

    def save(self) -> tuple[int, dict[str, Any]]:
        """Return the current objects and their revision, for `put_back`."""
        with self.lock:
            return self.revision, dict(self.objects)

    def put_back(self, saved: tuple[int, dict[str, Any]]) -> None:
        """Restore a saved state, as a restore of etcd does; every watch breaks."""
        with self.lock:
            self.revision, self.objects = saved[0], dict(saved[1])
            self.history.clear()
        self.end_watches(CUT)

    def lose_answer(self, kind: str, *, skip: int = 0) -> None:
        """Carry out the next call of this kind, but close the connection instead of answering."""

        def answer(handler: Handler, call: Call) -> None:
            assert isinstance(handler, Handling)
            handler.carry_out(call)
            drop(handler.connection)
            handler.close_connection = True

        self.faults.append(Fault(kind, answer, skip=skip))

    def fail_after(self, kind: str) -> None:
        """Carry out the next call of this kind, but answer that it failed."""

        def answer(handler: Handler, call: Call) -> None:
            assert isinstance(handler, Handling)
            handler.carry_out(call)
            handler.refuse(500)

        self.faults.append(Fault(kind, answer))

    def carry_out(self, call: Call) -> tuple[int, Any]:
        """Carry out a call; calls are carried out one after the other, as etcd does."""
        name = call.path.removeprefix(PATH).strip("/")
        sent = json.loads(call.body) if call.body else {}
        with self.lock:
            if call.method == "POST":
                return self._create(sent)
            if name not in self.objects:
                return 404, None
            if call.method == "PUT":
                return self._replace(name, sent)
            if call.method == "PATCH":
                return self._patch(name, sent)
            return 200, self.objects[name]

    def _create(self, sent: dict[str, Any]) -> tuple[int, Any]:
        name = sent["metadata"]["name"]
        if name in self.objects:
            return 409, None
        self.put(name, data=sent["data"])
        return 201, self.objects[name]

    def _replace(self, name: str, sent: dict[str, Any]) -> tuple[int, Any]:
        if sent["metadata"]["resourceVersion"] != self.objects[name]["metadata"]["resourceVersion"]:
            return 409, None
        self.put(name, data=sent["data"])
        return 200, self.objects[name]

    def _patch(self, name: str, sent: dict[str, Any]) -> tuple[int, Any]:
        revision = self.objects[name]["metadata"]["resourceVersion"]
        if sent["metadata"].get("resourceVersion", revision) != revision:
            return 409, None
        merged = self.objects[name]["data"] | sent["data"]
        self.put(name, data={key: value for key, value in merged.items() if value is not None})
        return 200, self.objects[name]


class Handling(Handler):
    _only = ""  # the only name that the watch selects, if any

    def chunk(self, data: bytes) -> None:
        """Send an event if the watch selects its object."""
        if not self._only or not data or json.loads(data)["object"]["metadata"].get("name", self._only) == self._only:
            super().chunk(data)

    def _page(self, fake: FakeApiServer, query: dict[str, str]) -> bytes:
        page = json.loads(super()._page(fake, query))
        page["items"] = [each for each in page["items"] if self._only in ("", each["metadata"]["name"])]
        return encode(page)

    def carry_out(self, call: Call) -> tuple[int, Any]:
        fake = self.server.fake
        assert isinstance(fake, FakeConfigMaps)
        return fake.carry_out(call)

    def tell_truth(self, call: Call) -> None:
        self._only = call.query.get("fieldSelector", "").removeprefix("metadata.name=")
        if call.kind in ("watch", "list", "newest") and call.path == PATH:
            super().tell_truth(call)
            return
        status, found = self.carry_out(call)
        if found is None:
            self.refuse(status)
        else:
            self.answer(status, encode(found))
