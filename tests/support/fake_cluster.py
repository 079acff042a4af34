"""A fake API server with pods, nodes, quotas, ConfigMaps and Events: enough to run a whole replica."""

from pathlib import Path
from typing import Any

import yaml

from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_configmaps import FakeConfigMaps, Handling
from tests.support.fake_events import Shelf
from tests.support.fake_http import Call, Handler, encode


class FakeCluster(FakeConfigMaps):
    """Serves ConfigMaps itself; pods, nodes and quotas each come from a fake API server of their own."""

    def __init__(self) -> None:
        self.version = "v1.37.2"
        super().__init__()
        self.pods, self.nodes, self.quotas = FakeApiServer(), FakeApiServer(), FakeApiServer()
        self.shelf = Shelf()
        self.leases = Shelf()
        self.gate: dict[str, Any] | None = None  # the ValidatingWebhookConfiguration, if there is one
        self.probed = (201, "")  # status and message with which it answers the creation of a pod
        self.hidden: set[str] = set()  # resources that it refuses to serve

    def handler(self) -> type[Handler]:
        return _Handler

    def down(self) -> None:
        super().down()
        self.pods.end_watches()
        self.nodes.end_watches()
        self.quotas.end_watches()

    def add_node(self, name: str, memory: str) -> None:
        """Add a node that is Ready."""
        allocatable = {"memory": memory, "cpu": "4"}
        self.nodes.put(name, status={"allocatable": allocatable, "conditions": [{"type": "Ready", "status": "True"}]})

    def add_pod(self, name: str, memory: str) -> None:
        """Add a pod, as the API server does after Headroom admitted it."""
        self.pods.put(name, spec=_spec(memory))

    def add_quota(self, name: str, hard: dict[str, str], used: dict[str, str]) -> None:
        """Add a ResourceQuota with known usage in the namespace default."""
        self.quotas.put(name, spec={"hard": hard}, status={"hard": hard, "used": used})

    def configure(self, text: str) -> None:
        """Write the configuration."""
        self.write("headroom-config", {"config.yaml": text})

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig for this server."""
        named: dict[str, list[dict[str, Any]]] = {
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": "none"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "fake", **named}))
        return path


def _spec(memory: str) -> dict[str, Any]:
    return {"containers": [{"name": "app", "resources": {"requests": {"memory": memory}}}]}


class _Handler(Handling):
    def tell_truth(self, call: Call) -> None:
        cluster = self.server.fake
        assert isinstance(cluster, FakeCluster)
        lists = {"pods": cluster.pods, "nodes": cluster.nodes, "resourcequotas": cluster.quotas}
        shown = lists.get(call.path.removeprefix("/api/v1/"))
        self._only = ""  # one connection serves many calls
        if call.path == "/version":
            self.answer(200, encode({"gitVersion": cluster.version}))
        elif "/events" in call.path:
            status, found = cluster.shelf.carry_out(call)
            self.refuse(status) if found is None else self.answer(status, encode(found))
        elif "/leases" in call.path:
            with cluster.lock:
                status, found = cluster.leases.carry_out(call)
            self.refuse(status) if found is None else self.answer(status, encode(found))
        elif "/validatingwebhookconfigurations/" in call.path:
            self.refuse(404) if cluster.gate is None else self.answer(200, encode(cluster.gate))
        elif call.method == "POST" and call.path.endswith("/pods"):
            status, message = cluster.probed
            self.answer(status, encode({"kind": "Status", "message": message}))
        elif call.path.rpartition("/")[2] in cluster.hidden:
            self.refuse(403)
        elif shown is None:
            super().tell_truth(call)
        elif call.kind == "watch":
            self._watch(shown, int(call.query["resourceVersion"]))
        else:
            self.answer(200, self._page(shown, call.query))
