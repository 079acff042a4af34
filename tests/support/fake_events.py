"""A fake API server for Events and owners of pods: it creates, reads and patches objects, checking revisions."""

import json
from typing import Any, Self

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_http import Call, Handler, encode

Json = dict[str, Any]


class Shelf:
    """Objects by their path; a change must name the revision that it is based on."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.revision = 5000

    def put(self, path: str, thing: Json) -> Json:
        """Create or replace an object unconditionally."""
        self.revision += 1
        thing["metadata"] = thing.get("metadata", {}) | {"resourceVersion": str(self.revision)}
        self.objects[path] = thing
        return thing

    def carry_out(self, call: Call) -> tuple[int, Json | None]:
        """Carry out a call; calls are carried out one after the other, as etcd does."""
        sent = json.loads(call.body) if call.body else {}
        if call.method == "POST":
            path = f"{call.path}/{sent['metadata']['name']}"
            return (409, None) if path in self.objects else (201, self.put(path, sent))
        found = self.objects.get(call.path)
        if found is None or call.method == "GET":
            return (404, None) if found is None else (200, found)
        if sent.get("metadata", {}).get("resourceVersion") != found["metadata"]["resourceVersion"]:
            return 409, None
        return 200, self.put(call.path, found | sent | {"metadata": found["metadata"]})

    def events(self) -> list[Json]:
        """Return all Events."""
        return [thing for path, thing in list(self.objects.items()) if "/events/" in path]


class FakeEvents(FakeApiServer):
    """A fake API server that has only Events and owners."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf()

    def handler(self) -> type[Handler]:
        return _Handling

    def __enter__(self) -> Self:
        self.up()
        return self

    def own(self, kind: str, name: str, owner: Json | None, namespace: str = "shop") -> None:
        """Add an object of this kind; its uid is `uid-` and its name, as tests expect."""
        group = {"replicationcontrollers": "", "jobs": "batch"}.get(kind, "apps")
        metadata: Json = {"name": name, "uid": f"uid-{name}"} | ({"ownerReferences": [owner]} if owner else {})
        root = f"/apis/{group}/v1" if group else "/api/v1"
        self.shelf.put(f"{root}/namespaces/{namespace}/{kind}/{name}", {"metadata": metadata})

    def writes(self) -> int:
        """Count the calls that write."""
        return self.count("POST") + self.count("PATCH")


class _Handling(Handler):
    disable_nagle_algorithm = True  # headers and body are two packets, and the second would wait 40 ms

    def tell_truth(self, call: Call) -> None:
        fake = self.server.fake
        assert isinstance(fake, FakeEvents)
        with fake.lock:
            status, found = fake.shelf.carry_out(call)
        if found is None:
            self.refuse(status)
        else:
            self.answer(status, encode(found))
