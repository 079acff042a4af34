"""A fake of one collection of objects: create, read, compare-and-swap; and a Lease that the test gives and takes."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime

from webhook.controllers.lease_holder import LeaseHolder
from webhook.kube.objects import Found, Object, Objects
from webhook.kube.stream import Conflict, KubeError, NotFound


class FakeObjects(Objects):
    """Objects by name. With `fault`, each call raises it; `before_write` runs once, ahead of the next write."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0, writes: list[Object] | None = None) -> None:
        self.held: dict[str, Object] = {}
        self.writes = [] if writes is None else writes
        self.clock = clock
        self.fault: Exception | None = None
        self.before_write: Callable[[], object] = lambda: None
        self._revision = 0

    def get(self, name: str) -> Found | None:
        self._fail()
        found = self.held.get(name)
        return None if found is None else Found(deepcopy(found), datetime.fromtimestamp(self.clock(), UTC))

    def items(self, query: Mapping[str, str]) -> list[Object]:  # noqa: ARG002 - all of them
        self._fail()
        return [deepcopy(each) for each in self.held.values()]

    def create(self, made: Object) -> Found:
        self._begin_write()
        if made["metadata"]["name"] in self.held:
            raise Conflict(409, "AlreadyExists", "")
        return self.put(made)

    def replace(self, changed: Object) -> Found:
        self._begin_write()
        metadata = changed["metadata"]
        if metadata["name"] not in self.held:
            raise NotFound(404, "NotFound", "")
        if self.held[metadata["name"]]["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            raise Conflict(409, "Conflict", "")
        return self.put(changed)

    def put(self, made: Object) -> Found:
        """Write an object unconditionally, as somebody else would."""
        self._revision += 1
        kept = deepcopy(made)
        kept["metadata"]["resourceVersion"] = str(self._revision)
        self.held[kept["metadata"]["name"]] = kept
        self.writes.append(deepcopy(kept))
        return Found(deepcopy(kept), None)

    def _begin_write(self) -> None:
        self._fail()
        before, self.before_write = self.before_write, lambda: None
        before()

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault


class FakeLease(LeaseHolder):
    """A Lease that is held while the test says so."""

    def __init__(self, *, holds: bool = True) -> None:
        self.holds = holds
        self.renewed, self.lost = 0, False
        self.fault: KubeError | None = None

    def held(self) -> bool:
        return self.holds and not self.lost

    def lose(self) -> None:
        self.lost = True

    def renew(self) -> None:
        self.renewed += 1
        if self.fault is not None:
            raise self.fault
