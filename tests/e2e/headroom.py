"""Headroom as its users see it: its ConfigMap, its metrics, its log and its audit lines."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import yaml

from devcluster import gate
from devcluster.api import ApiError, Object
from devcluster.cluster import Cluster
from devcluster.namespaces import NAMESPACES, PREFIX
from devcluster.processes import until
from tests.e2e.exposition import Exposition
from webhook.core.config.parse import parse
from webhook.core.config.render import digest
from webhook.core.pods.rules import Rules, chosen

CONFIG_MAPS = "/api/v1/namespaces/headroom-system/configmaps"
CONFIG = f"{CONFIG_MAPS}/headroom-config"
SHARED = (f"{CONFIG_MAPS}/headroom-allotments", f"{CONFIG_MAPS}/headroom-allotments-made")
GATE = f"{gate.CONFIGURATIONS}/{gate.NAME}"
GUARD = "config.headroom.internal"
SECONDS = 60.0  # a time-out for what takes less than 1 s on an idle machine


class Account(NamedTuple):
    """One scope as /metrics shows it, in bytes."""

    allocatable: int
    requests: int
    requests_bound: int
    limits: int
    limits_bound: int

    @property
    def free_requests(self) -> int:
        """The headroom of the sum of requests, in bytes."""
        return self.requests_bound - self.requests

    @property
    def free_limits(self) -> int:
        """The headroom of the sum of limits, in bytes."""
        return self.limits_bound - self.limits


class Headroom:
    """The Headroom that the cluster's API server calls; `show` returns its /metrics, `say` all that it has printed."""

    def __init__(self, cluster: Cluster, show: Callable[[], str], say: Callable[[], str]) -> None:
        self.cluster = cluster
        self._show, self._say = show, say

    @property
    def rules(self) -> Rules:
        """Those by which the cluster's version of Kubernetes counts pods."""
        return (chosen(self.cluster.api.get("/version")["gitVersion"]).rule_set,)

    # -- what it is told -----------------------------------------------------------------------------------------------

    def configure(self, memory: dict[str, str], **settings: object) -> float:
        """Apply a configuration with only these thresholds and settings; return after how many seconds it applied."""
        text = document(memory, **settings)
        name = digest(parse(text))
        began = time.monotonic()
        self.write(text)
        until(lambda: self._applies(name), "the edit's effect", SECONDS)
        return time.monotonic() - began

    def write(self, text: str) -> None:
        """Edit the ConfigMap, with a valid text or not, without waiting for the effect."""
        kind = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "headroom-config"}}
        self.cluster.api.apply(CONFIG, {**kind, "data": {"config.yaml": text}})

    def slip_past(self, text: str) -> None:
        """Edit the ConfigMap, with a valid text or not, while no webhook checks the edit."""
        with unguarded(self.cluster):
            self.write(text)

    # -- metrics and logs ----------------------------------------------------------------------------------------------

    def exposition(self) -> Exposition:
        """Scrape /metrics."""
        return Exposition(self._show())

    def account(self, scope: str = "cluster") -> Account:
        """Return a scope's figures once every admitted pod has been seen and pods of earlier tests are gone.

        Such pods may still appear, because a create that a controller had begun may be carried out after its test.
        """
        live, left = self._live_pods()
        shown = self.exposition()
        deadline = time.monotonic() + SECONDS
        while left or shown.value("headroom_reserved_memory_bytes") or shown.value("headroom_live_pods") != live:
            told = f"{shown.value('headroom_live_pods')} pods counted, {live} live, {left} of tests that have ended"
            assert time.monotonic() < deadline, told
            time.sleep(0.02)
            live, left = self._live_pods()
            shown = self.exposition()
        return Account(*(int(shown.value(f"headroom_scope_memory_{name}", scope=scope)) for name in _FIGURES))

    def sees(self, allocatable: int) -> None:
        """Wait until Headroom counts nodes with `allocatable` bytes in total: its watch of nodes has its own delay."""
        name = "headroom_scope_memory_allocatable_bytes"
        until(lambda: self.exposition().value(name, scope="cluster") == allocatable, "the view of the nodes", SECONDS)

    def log(self) -> str:
        """Return everything that Headroom has printed, including audit lines."""
        return self._say()

    def audit_lines(self, namespace: str | None = None) -> list[Object]:
        """Return the audit lines about a namespace, or all of them, oldest first."""
        said = self._say()
        whole = said[: said.rfind("\n") + 1]  # the last line may be incomplete
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith('{"')]
        return [line for line in lines if namespace is None or line.get("namespace") == namespace]

    def _applies(self, name: str) -> bool:
        shown = self.exposition()
        good = shown.value("headroom_config_last_reload_success") == 1
        return good and shown.labels("headroom_config_info")["hash"] == name

    def _live_pods(self) -> tuple[int, int]:
        """Return how many pods live, and how many pods there are in namespaces of tests that have ended."""
        found = self.cluster.api.items("/api/v1/pods")
        spaces = [each["metadata"] for each in self.cluster.api.items(NAMESPACES)]
        ended = {each["name"] for each in spaces if each["name"].startswith(PREFIX) and "deletionTimestamp" in each}
        left = sum(each["metadata"]["namespace"] in ended for each in found)
        return sum(each["status"].get("phase") not in {"Succeeded", "Failed"} for each in found), left


_FIGURES = ("allocatable_bytes", "requests_bytes", "requests_bound_bytes", "limits_bytes", "limits_bound_bytes")


def document(memory: dict[str, str], **settings: object) -> str:
    """Make the text of a configuration."""
    kind = {"apiVersion": "headroom.internal/v1", "kind": "HeadroomConfig"}
    return yaml.safe_dump({**kind, "thresholds": {"memory": memory}, **settings})


@contextmanager
def unguarded(cluster: Cluster) -> Iterator[None]:
    """Keep the API server from calling a webhook about edits of the ConfigMap, as if Headroom were down."""
    shipped = _guard_asked_if(cluster, "false")
    until(lambda: _takes_anything(cluster), "an edit that nobody is asked about", SECONDS)
    yield
    _guard_asked_if(cluster, shipped)
    until(lambda: not _takes_anything(cluster), "the guard's return", SECONDS)


def _guard_asked_if(cluster: Cluster, condition: str) -> str:
    configuration = cluster.api.get(GATE)
    (guard,) = [each for each in configuration["webhooks"] if each["name"] == GUARD]
    before = str(guard["matchConditions"][0]["expression"])
    guard["matchConditions"][0]["expression"] = condition
    cluster.api.replace(GATE, configuration)
    return before


def _takes_anything(cluster: Cluster) -> bool:
    try:
        cluster.api.patch(CONFIG, {"data": {"config.yaml": f"none {time.monotonic()}"}}, dryRun="All")
    except ApiError as error:
        if GUARD not in error.message:
            raise
        return False
    return True


def forget(cluster: Cluster) -> None:
    """Delete the shared objects, as if the cluster never had Headroom: then replicas that ended hold nothing."""
    for path in SHARED:
        try:
            cluster.api.delete(path)
        except ApiError as error:
            if error.code != 404:
                raise
