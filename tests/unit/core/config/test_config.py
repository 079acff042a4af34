import pytest

from tests.support.configs import SMALLEST
from webhook.core.config.config import HeadroomConfig, Policy
from webhook.core.config.parse import parse
from webhook.core.config.render import render
from webhook.core.config.types import Answer, Mode, Reserve


def test_the_defaults_are_these() -> None:
    """A default that changes, changes what clusters do: it belongs into the changelog."""
    assert render(HeadroomConfig()).splitlines() == [
        "apiVersion: headroom.internal/v1",
        "kind: HeadroomConfig",
        "mode: enforce",
        "thresholds:",
        "  memory: {}",
        "  cpu: {}",
        "warnAt: 90%",
        "reserve:",
        "  nodes: 0",
        "missingLimits: count-request",
        "missingRequests: allow",
        "unplaceable: warn",
        "workloads: warn",
        "nudge: false",
        "message: ''",
        "nodes:",
        "  excludeTaints:",
        "  - node-role.kubernetes.io/control-plane",
        "  notReadyGrace: 10s",
        "  forgetDeletedAfter: 10m",
        "pools: []",
        "exempt:",
        "  namespaces:",
        "  - kube-system",
        "  priorityClasses:",
        "  - system-cluster-critical",
        "  - system-node-critical",
        "  priorityClassNamespaces:",
        "  - kube-system",
        "  daemonSets:",
        "  - kube-system",
        "  systemPods: []",
        "overrides: []",
    ]


OVERRIDES = """
missingRequests: warn
overrides:
- {namespaces: [staging-db], mode: enforce, workloads: deny}
- {namespaces: [staging-*], mode: warn}
- {namespaces: [staging-*, "*-eu"], mode: audit, missingRequests: deny}
- {namespaces: [huge], unplaceable: deny}
"""


@pytest.mark.parametrize(
    ("namespace", "policy"),
    [
        ("default", Policy(Mode.ENFORCE, Answer.WARN, Answer.WARN, Answer.WARN)),
        ("staging-db", Policy(Mode.ENFORCE, Answer.WARN, Answer.WARN, Answer.DENY)),
        ("staging-eu", Policy(Mode.WARN, Answer.WARN, Answer.WARN, Answer.WARN)),
        ("prod-eu", Policy(Mode.AUDIT, Answer.DENY, Answer.WARN, Answer.WARN)),
        ("huge", Policy(Mode.ENFORCE, Answer.WARN, Answer.DENY, Answer.WARN)),
    ],
)
def test_the_first_override_that_fits_holds_as_a_whole(namespace: str, policy: Policy) -> None:
    assert parse(SMALLEST + OVERRIDES).policy(namespace) == policy


POOLS = """
reserve: {nodes: 1}
pools:
- {name: gpu, nodeSelector: {gpu: "yes", zone: a}, reserve: {nodes: 0}}
- {name: zone-a, nodeSelector: {zone: a}}
"""


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"gpu": "yes", "zone": "a"}, ["gpu", "zone-a"]),
        ({"gpu": "yes", "zone": "b"}, []),
        ({"zone": "a", "more": "labels"}, ["zone-a"]),
        ({}, []),
    ],
)
def test_a_node_is_in_the_first_pool_whose_labels_it_all_has(labels: dict[str, str], names: list[str]) -> None:
    assert [pool.name for pool in parse(SMALLEST + POOLS).pools_of(labels)] == names


def test_a_pool_without_a_reserve_has_the_clusters() -> None:
    config = parse(SMALLEST + POOLS)
    assert [config.reserve_of(pool) for pool in config.pools] == [Reserve(nodes=0), Reserve(nodes=1)]
