"""Rule sets: which version has which, and what several in force come to."""

import pytest

from tests.support.sample_pods import many
from webhook.core.api.types import Pod, convert
from webhook.core.pods.footprint import explain, footprint
from webhook.core.pods.rules import (
    KUBERNETES_1_36,
    KUBERNETES_1_37,
    KUBERNETES_1_38,
    NEWEST,
    RULE_SETS,
    RuleSet,
    VersionError,
    chosen,
    in_order,
    names,
)

MI = 1 << 20


@pytest.mark.parametrize(
    ("version", "rule_set", "is_newer"),
    [
        ("1.37", KUBERNETES_1_37, False),
        ("v1.37.2", KUBERNETES_1_37, False),
        ("1.36+", KUBERNETES_1_36, False),
        ("v1.36.3-eks-1a2b3c", KUBERNETES_1_36, False),
        ("v1.38.0-beta.0", KUBERNETES_1_38, False),
        ("1.39", KUBERNETES_1_38, True),
        ("2.0", KUBERNETES_1_38, True),
        ("1.35", KUBERNETES_1_36, False),
        ("1.9", KUBERNETES_1_36, False),
        (" v1.37.0\n", KUBERNETES_1_37, False),
    ],
)
def test_a_version_has_the_rules_of_its_minor(version: str, rule_set: RuleSet, is_newer: bool) -> None:
    assert chosen(version) == (rule_set, is_newer)


@pytest.mark.parametrize("text", ["", "newest", "1", "1.x", "v.37", "9" * 60, "1.99999999"])
def test_what_is_no_version_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(VersionError, match=r"is not a version of Kubernetes; write for example 1\.37$"):
        chosen(text)


def test_the_newest_is_one_that_is_released() -> None:
    assert NEWEST == (KUBERNETES_1_37,)
    assert names(RULE_SETS) == "1.36 and 1.37 and 1.38"
    assert in_order(frozenset({KUBERNETES_1_38, KUBERNETES_1_36})) == (KUBERNETES_1_36, KUBERNETES_1_38)


def test_of_two_in_force_the_larger_figure_counts_sum_by_sum() -> None:
    both, seen = (KUBERNETES_1_36, KUBERNETES_1_37), set()
    for raw in many(300):
        pod = convert(raw, Pod)
        older, newer, together = (footprint(pod, rules) for rules in (both[:1], both[1:], both))
        assert together == older.or_more(newer)
        seen |= {(a > b) - (a < b) for a, b in zip(older, newer, strict=True)}
    assert seen == {-1, 0, 1}


def test_since_1_38_a_pod_has_no_limit_if_one_of_its_containers_has_none() -> None:
    limited = {"name": "a", "resources": {"limits": {"memory": "100Mi"}}}
    pods = [
        convert({"spec": {"containers": containers, **more}}, Pod)
        for containers, more in (
            ([limited], {}),
            ([limited, {"name": "b", "resources": {"requests": {"memory": "30Mi"}}}], {}),
            ([limited], {"initContainers": [{"name": "c"}]}),
            ([limited, {"name": "b"}], {"resources": {"limits": {"memory": "500Mi"}}}),
        )
    ]
    by_version = [[footprint(pod, (each,)).memory_limits // MI for pod in pods] for each in RULE_SETS]
    assert by_version == [[100, 100, 100, 500], [100, 100, 100, 500], [100, 0, 0, 500]]
    filled = [footprint(pod, (KUBERNETES_1_38,)).memory_limits_filled // MI for pod in pods]
    assert filled == [100, 130, 100, 500], "a container without a limit counts its request, whatever the version"


def test_the_overhead_that_a_kubelet_has_written_already_counts_twice_and_is_told() -> None:
    spec = {
        "containers": [{"name": "a", "resources": {"requests": {"memory": "100Mi"}}}],
        "overhead": {"memory": "9Mi"},
    }
    status = {"allocatedResources": {"memory": "109Mi"}, "resources": {"requests": {"memory": "100Mi"}}}
    pod = convert({"spec": spec, "status": status}, Pod)
    requests = explain(pod).memory.requests
    assert (requests.total // 10**9, requests.overhead_twice, requests.decisive) == (118 * MI, True, "status")
    assert not explain(convert({"spec": spec}, Pod)).memory.requests.overhead_twice
    assert footprint(pod, (KUBERNETES_1_36,)).memory_requests == 109 * MI  # no pod level in the spec: not looked at


def test_what_claims_took_counts_as_the_version_writes_it() -> None:
    claim = {
        "containers": ["a", "b"],
        "resources": {"memory": "10Mi"},
        "mapping": [{"name": "memory", "quantity": "20Mi"}],
        "overhead": [{"name": "memory", "perPod": "1Mi", "perContainer": "2Mi"}],
    }
    spec = {"containers": [{"name": "a"}], "initContainers": [{"name": "b"}]}
    pod = convert({"spec": spec, "status": {"nodeAllocatableResourceClaimStatuses": [claim]}}, Pod)
    assert [footprint(pod, (each,)).memory_requests // MI for each in RULE_SETS] == [10, 25, 23]
    assert explain(pod).memory.requests.claims // 10**9 == 25 * MI
