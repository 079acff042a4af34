"""The groups of settings: what each says of a pod, a node or a namespace, and which faults it finds in itself."""

from dataclasses import fields, is_dataclass

import pytest
from msgspec import structs

from tests.support.configs import SMALLEST
from webhook.core.config.names import NamespacePattern
from webhook.core.config.parse import parse
from webhook.core.config.percentage import Share
from webhook.core.config.types import (
    Answer,
    Exempt,
    Fault,
    Group,
    Mode,
    Nodes,
    Override,
    PoolConfig,
    Sums,
    Thresholds,
)

HALF = Share(50_000)


def patterns(*texts: str) -> frozenset[NamespacePattern]:
    return frozenset(map(NamespacePattern.parse, texts))


@pytest.mark.parametrize(
    ("thresholds", "bounds"),
    [
        (Thresholds(), False),
        (Thresholds(memory=Sums(requests=HALF)), True),
        (Thresholds(memory=Sums(limits=HALF)), True),
        (Thresholds(cpu=Sums(requests=HALF)), True),
        (Thresholds(cpu=Sums(limits=HALF)), True),
    ],
)
def test_one_threshold_is_enough_to_bound_something(thresholds: Thresholds, bounds: bool) -> None:
    assert thresholds.bounds_something is bounds


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ({"gpu": "yes", "zone": "a"}, True),
        ({"gpu": "yes", "zone": "a", "more": "labels"}, True),
        ({"gpu": "yes"}, False),
        ({"gpu": "yes", "zone": ""}, False),
        ({"gpu": "no", "zone": "a"}, False),
        ({}, False),
    ],
)
def test_a_pool_selects_the_nodes_that_have_all_its_labels(labels: dict[str, str], selected: bool) -> None:
    assert PoolConfig(name="p", node_selector={"gpu": "yes", "zone": "a"}).matches(labels) is selected


def test_a_label_with_an_empty_value_is_another_one_than_no_label() -> None:
    pool = PoolConfig(name="p", node_selector={"worker": ""})
    assert pool.matches({"worker": ""})
    assert not pool.matches({})


def test_a_priority_class_exempts_only_where_it_is_trusted() -> None:
    exempt = Exempt()
    assert exempt.covers_priority_class("system-node-critical", "kube-system")
    assert not exempt.covers_priority_class("system-node-critical", "default")
    assert not exempt.covers_priority_class("high", "kube-system")


def test_an_exempt_namespace_may_be_a_pattern() -> None:
    exempt = parse(SMALLEST + "exempt: {namespaces: [infra-*]}").exempt
    assert exempt.covers_namespace("infra-dns")
    assert not exempt.covers_namespace("kube-system")


def test_each_exemption_looks_at_its_own_namespaces() -> None:
    exempt = Exempt(
        namespaces=patterns("a"),
        priority_classes=frozenset({"high"}),
        priority_class_namespaces=patterns("b"),
        daemon_sets=patterns("c-*"),
        system_pods=patterns("d"),
    )
    for namespace in ("a", "b", "c-1", "d"):
        assert exempt.covers_namespace(namespace) is (namespace == "a")
        assert exempt.covers_priority_class("high", namespace) is (namespace == "b")
        assert exempt.covers_daemon_sets(namespace) is (namespace == "c-1")
        assert exempt.covers_system_pod("system-node-critical", namespace) is (namespace == "d")
        assert exempt.covers_system_pod("system-cluster-critical", namespace) is (namespace == "d")
        assert not exempt.covers_system_pod("high", namespace)


@pytest.mark.parametrize(
    "override",
    [
        Override(namespaces=patterns("a"), mode=Mode.WARN),
        Override(namespaces=patterns("a"), missing_requests=Answer.ALLOW),
        Override(namespaces=patterns("a"), unplaceable=Answer.DENY),
        Override(namespaces=patterns("a"), workloads=Answer.WARN),
    ],
)
def test_an_override_that_changes_anything_has_no_fault(override: Override) -> None:
    assert list(override.faults()) == []


def test_an_override_that_changes_nothing_has_a_fault() -> None:
    assert list(Override(namespaces=patterns("a")).faults()) == [
        Fault("", "changes nothing; add mode, missingRequests, unplaceable or workloads, or remove it")
    ]


def test_an_override_holds_where_any_of_its_patterns_matches() -> None:
    override = Override(namespaces=patterns("staging-*", "test"), mode=Mode.WARN)
    assert [each for each in ("test", "staging-1", "staging", "prod") if override.matches(each)] == [
        "test",
        "staging-1",
    ]


def test_a_group_has_no_faults_unless_it_says_so() -> None:
    assert list(Nodes().faults()) == list(Group().faults()) == []


@pytest.mark.parametrize("kind", [Sums, Thresholds, Nodes, PoolConfig, Exempt, Override])
def test_keys_are_written_as_kubernetes_writes_them(kind: type[Group]) -> None:
    for field in structs.fields(kind):
        first, *rest = field.name.split("_")
        assert field.encode_name == first + "".join(map(str.capitalize, rest))


def test_durations_of_nodes_are_given_in_milliseconds() -> None:
    nodes = Nodes()
    assert is_dataclass(nodes.not_ready_grace)
    assert [field.name for field in fields(nodes.not_ready_grace)] == ["milliseconds"]
    assert (str(nodes.not_ready_grace), str(nodes.forget_deleted_after)) == ("10s", "10m")
