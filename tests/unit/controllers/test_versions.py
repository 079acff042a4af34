"""The API server's version: by which rules pods are counted, and how that changes without a grant past a bound."""

import logging
from threading import Event
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.e2e.exposition import Exposition
from tests.support.accounts import GI, config, pod
from tests.support.replica import Judge, ready, response, waits
from tests.support.sample_reviews import memory, resize, resizing
from webhook.controllers.versions import Versions
from webhook.controllers.watches import _pod
from webhook.core.api.types import Pod, convert
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37, KUBERNETES_1_38, NEWEST
from webhook.core.reviews.evaluation import Evaluation, evaluate
from webhook.core.reviews.verdict import Verdict
from webhook.http.messages import Response
from webhook.kube.client import Api
from webhook.kube.stream import ApiError, KubeError, Unreachable
from webhook.observability.state_metrics import KubernetesRules

BOTH = (KUBERNETES_1_36, KUBERNETES_1_37)


class Cluster:
    """An API server that says a version or fails, and what becomes of that."""

    def __init__(self, judge: Judge) -> None:
        self.judge, self.state = judge, judge.admission.state
        self.says: str | bytes | KubeError = "v1.37.2"
        self.closed = self.listed = 0
        self.versions = Versions(cast("Api", self), self.state, self._list, Event())

    def get(self, path: str, *, timeout: float) -> Any:
        assert (path, timeout > 0) == ("/version", True)
        if isinstance(self.says, KubeError):
            raise self.says
        body = self.says if isinstance(self.says, bytes) else f'{{"gitVersion":"{self.says}"}}'.encode()
        return type("Found", (), {"body": body})

    def close(self) -> None:
        self.closed += 1

    def _list(self) -> None:
        self.listed += 1

    def look(self, says: str | bytes | KubeError) -> None:
        self.says = says
        self.versions.look()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(ready())


def test_nothing_is_granted_before_the_version_is_known(cluster: Cluster) -> None:
    assert cluster.state.readiness.unable() == "the version of the API server has not been read yet"
    cluster.look("v1.37.2")
    assert cluster.state.readiness.unable() is None
    assert (cluster.state.basis.rules, cluster.listed) == (NEWEST, 0)


def test_each_look_takes_a_connection_of_its_own(cluster: Cluster) -> None:
    cluster.look("v1.37.2")
    cluster.look(Unreachable("away"))
    assert cluster.closed == 2


def test_while_replicas_differ_both_rules_are_in_force_and_the_old_one_ends_later(cluster: Cluster) -> None:
    cluster.look("v1.36.3")
    cluster.judge.sync()
    listed = cluster.listed
    for says in ("v1.37.2", "v1.36.3", "v1.37.2"):
        cluster.look(says)
        assert cluster.state.basis.rules == BOTH
    assert cluster.listed == listed + 1
    cluster.judge.sync()
    cluster.judge.clock.now += 301
    cluster.look("v1.37.2")
    assert cluster.state.basis.rules == NEWEST
    assert cluster.listed == listed + 2
    assert cluster.state.readiness.problem(cluster.judge.clock.now) is None, "what counts for less is no reason to wait"


def test_more_rules_close_the_account_until_a_list_that_was_asked_for_since(cluster: Cluster) -> None:
    cluster.look("v1.37.2")
    before = cluster.state.clock()
    cluster.judge.clock.now += 1
    cluster.look("v1.36.3")
    told = "the pods are listed again (they are counted by the rules of Kubernetes 1.36 and 1.37 from now on)"
    assert cluster.state.readiness.unable() == told
    cluster.state.relist_pods([], 200, before)
    assert cluster.state.readiness.unable() == told, "a list that was under way may be counted by the old rules"
    cluster.state.relist_pods([], 201, cluster.state.clock())
    assert cluster.state.readiness.unable() is None


def test_the_list_counts_every_pod_by_the_new_rules_and_then_nothing_goes_past_the_bound(cluster: Cluster) -> None:
    """By 1.36 the first init container counts for what it asks, by 1.37 for what its status reports."""
    seen = convert(
        {
            "metadata": {"name": "a", "namespace": "default", "uid": "a", "resourceVersion": "150"},
            "spec": {
                "containers": [{"name": "app"}],
                "initContainers": [{"name": "first", "resources": {"requests": {"memory": "1Gi"}}}],
            },
            "status": {"initContainerStatuses": [{"name": "first", "allocatedResources": {"memory": "5Gi"}}]},
        },
        Pod,
    )
    cluster.look("v1.36.3")
    state = cluster.state
    state.relist_pods([_pod(seen, state.basis.rules)], 150, state.clock())
    assert state._guarded.ledger.balance("cluster").committed.memory_requests == GI
    cluster.look("v1.37.2")
    state.relist_pods([_pod(seen, state.basis.rules)], 151, state.clock())
    assert state._guarded.ledger.balance("cluster").committed.memory_requests == 5 * GI
    cluster.judge.prepare()
    assert not state.readiness.unable()
    live = pod("web-7", 1, "node", uid="pod-1", revision=152)
    state.see_pod(live)
    assert not response(cluster.judge.ask(resize(memory("1Gi"), memory("4Gi"), revision="152")))["allowed"]


def test_what_waits_while_more_rules_come_is_to_be_asked_again(cluster: Cluster) -> None:
    cluster.look("v1.37.2")
    cluster.state.see_pod(pod("web-7", 1, "node", uid="pod-1", revision=101))
    waiting = waits(cluster.judge.ask(resize(memory("1Gi"), memory("7Gi"), revision="101")))
    cluster.look("v1.36.3")
    assert not cluster.judge.book()
    answer = waiting.answer.result(0)
    assert isinstance(answer, Response)
    assert (answer.status, answer.retry_after) == (503, 1)


def test_another_configuration_leaves_the_rules_as_they_are(cluster: Cluster) -> None:
    cluster.look("v1.36.3")
    cluster.judge.configure("warnAt: 50%")
    assert cluster.state.basis.rules == (KUBERNETES_1_36,)


def test_a_review_is_counted_by_the_rules_in_force() -> None:
    init = [{"name": "first", "resources": {"requests": {"memory": "1Gi"}}}]
    status = {"initContainerStatuses": [{"name": "first", "allocatedResources": {"memory": "6Gi"}}]}
    grown = resizing(memory("1Gi"), memory("2Gi"), spec={"nodeName": "n", "initContainers": init}, status=status)
    asked = evaluate(grown, AccountingRules(config(), (KUBERNETES_1_36,)))
    assert isinstance(asked, Evaluation)
    assert asked.info.asked.memory_requests == GI
    assert isinstance(evaluate(grown, AccountingRules(config(), (KUBERNETES_1_37,))), Verdict), "by 1.37 nothing grows"
    both = evaluate(grown, AccountingRules(config(), BOTH))
    assert isinstance(both, Verdict), "what it was comes to 6Gi by the larger of both as well"


@pytest.mark.parametrize("says", ["v1.39.0", b"no JSON", b"{}", b'{"gitVersion":"new"}', b'{"x":' + b"[" * 20_000])
def test_a_version_that_is_not_known_takes_the_newest_rules_with_one_line_and_a_metric(
    cluster: Cluster, says: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        cluster.look(says)
    assert cluster.state.basis.rules == (KUBERNETES_1_38,)
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert warnings[0].getMessage().endswith(": pods are counted by the rules of Kubernetes 1.38")
    assert shown(cluster).value("headroom_kubernetes_version_unknown") == 1
    assert shown(cluster).value("headroom_kubernetes_rules", version="1.38") == 1


def test_an_api_server_that_tells_its_version_to_nobody_is_taken_for_the_newest_that_is_released(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.look(ApiError(403, "Forbidden", "no"))
    assert (cluster.state.basis.rules, cluster.state.readiness.unable()) == (NEWEST, None)
    assert "the API server does not tell its version (403 Forbidden: no)" in caplog.text


@pytest.mark.parametrize(
    "fault", [Unreachable("away"), ApiError(503, "ServiceUnavailable", "no"), ApiError(429, "", "")]
)
def test_one_that_is_away_changes_nothing(cluster: Cluster, fault: KubeError) -> None:
    cluster.versions._stop.set()  # so that nobody waits here
    cluster.look(fault)
    assert cluster.state.readiness.unable() == "the version of the API server has not been read yet"
    cluster.look("v1.36.3")
    cluster.look(fault)
    assert cluster.state.basis.rules == (KUBERNETES_1_36,)
    assert shown(cluster).value("headroom_kubernetes_version_unknown") == 0


def test_a_broken_watch_makes_the_next_look_due(cluster: Cluster) -> None:
    cluster.state.tell_broken(cluster.state.nodes, "gone")
    assert cluster.state.version_due.is_set()


def shown(cluster: Cluster) -> Exposition:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(KubernetesRules(cluster.state, cluster.versions))
    return Exposition(generate_latest(registry).decode())
