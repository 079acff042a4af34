"""The ConfigMap of refusals without an API server, and replicas beside it on a clock that the test moves."""

from tests.support.replica import Clock
from webhook.controllers.refusal_exchange import RefusalExchange
from webhook.controllers.refusal_store import RefusalStore
from webhook.core.reporting.publication import Publication
from webhook.kube.configmaps import ConfigMap, _Meta
from webhook.kube.stream import Conflict, KubeError


class Object(RefusalStore):
    """The ConfigMap as the API server has it; `error` is raised by the next call."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}
        self.revision = 1
        self.writes: list[str | None] = []
        self.error: KubeError | None = None

    def write(self, replica: str, text: str | None) -> None:
        self._fail()
        self._put(replica, text)
        self.writes.append(text)

    def take_over(self, ended: str, replica: str, text: str | None, revision: int) -> None:
        self._fail()
        if revision != self.revision:
            raise Conflict(409, "Conflict", "the object has been modified")
        self._put(ended, None)
        self._put(replica, text)

    def _fail(self) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error

    def _put(self, key: str, text: str | None) -> None:
        self.revision += 1
        self.data = {name: value for name, value in (self.data | {key: text or ""}).items() if value}


class Replica(RefusalExchange):
    """One replica beside the object, on a clock that the test moves."""

    def __init__(self, store: Object, name: str = "r1", clock: Clock | None = None) -> None:
        self.object, self.clock = store, clock or Clock()
        super().__init__(store, name, self.clock)

    def watches(self) -> None:
        """See the object as it is."""
        self.tell(ConfigMap(_Meta(str(self.object.revision)), dict(self.object.data)), self.object.revision)

    def shows(self, made: Publication) -> None:
        """Show something, and write it if it is time to."""
        self.show(made)
        self.write()
