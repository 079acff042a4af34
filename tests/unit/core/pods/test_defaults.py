"""Defaults: what the API server writes into a pod; tests/e2e holds the same against a real one."""

from typing import Any

import pytest

from tests.support.sample_pods import many
from webhook.core.api.types import Pod, convert
from webhook.core.pods.defaults import with_defaults
from webhook.core.pods.footprint import explain, footprint
from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37, RULE_SETS, RuleSet
from webhook.core.values.amounts import Amounts

MI = 1 << 20


def container(requests: dict[str, Any] | None = None, limits: dict[str, Any] | None = None, **more: Any) -> Any:
    given = {"requests": requests, "limits": limits}
    return {"name": "app", "resources": {key: value for key, value in given.items() if value is not None}, **more}


def of(*containers: Any, **spec: Any) -> Amounts:
    return footprint(with_defaults(convert({"spec": {"containers": containers, **spec}}, Pod)))


def test_a_limit_alone_is_a_request_too() -> None:
    assert of(container(limits={"memory": "70Mi"})).memory_requests == 70 * MI
    assert of(container(requests={"cpu": "1"}, limits={"memory": "70Mi", "cpu": "2"}))[:5] == (
        70 * MI,
        70 * MI,
        70 * MI,
        0,
        1000,
    )


def test_a_request_stays_even_if_it_is_zero_or_null() -> None:
    assert of(container(requests={"memory": 0}, limits={"memory": "70Mi"})).memory_requests == 0
    assert of(container(requests={"memory": None}, limits={"memory": "70Mi"})).memory_requests == 0


def test_an_init_container_and_a_sidecar_request_their_limits_too() -> None:
    init = [container(limits={"memory": "90Mi"}), container(limits={"memory": "30Mi"}, restartPolicy="Always")]
    assert of(container(limits={"memory": "70Mi"}), initContainers=init).memory_requests == 100 * MI


@pytest.mark.parametrize(
    ("containers", "pod", "requests"),
    [
        ([container()], {"limits": {"memory": "500Mi"}}, 500),
        ([container({"memory": "70Mi"})], {"limits": {"memory": "500Mi"}}, 70),
        ([container({"memory": "70Mi"})], {"requests": {"memory": "90Mi"}, "limits": {"memory": "500Mi"}}, 90),
        ([container({"memory": "70Mi"}), container()], {"limits": {"memory": "500Mi"}}, 70),
        ([container(None, {"memory": "70Mi"})], {"limits": {"memory": "500Mi"}}, 70),
        ([container({"cpu": "1"})], {"limits": {"memory": "500Mi"}}, 500),
        ([container({"memory": "70Mi"})], {"limits": {"cpu": "2"}}, 70),
        ([container({"memory": 0})], {"limits": {"memory": "500Mi"}}, 0),
        ([container({"memory": "70Mi"})], {"limits": {}}, 70),
    ],
)
def test_pod_level_limits_bring_requests(containers: list[Any], pod: dict[str, Any], requests: int) -> None:
    assert of(*containers, resources=pod).memory_requests == requests * MI


def test_an_init_containers_peak_is_a_pod_level_request() -> None:
    init = [container({"memory": "900Mi"})]
    asked = of(container({"memory": "70Mi"}), initContainers=init, resources={"limits": {"memory": "1Gi"}})
    assert asked.memory_requests == 900 * MI


def test_overhead_stays_out_of_the_pod_level_request_and_is_added_once() -> None:
    asked = of(
        container({"memory": "70Mi"}), overhead={"memory": "10Mi"}, resources={"limits": {"memory": "1Gi", "cpu": 1}}
    )
    assert (asked.memory_requests, asked.memory_limits) == (80 * MI, 1034 * MI)


def test_quantities_are_rounded_up_to_thousandths_one_by_one() -> None:
    assert of(container({"cpu": "1500u"}), container({"cpu": "1500u"})).cpu_requests == 4
    assert of(container({"memory": "0.0005"}), container({"memory": "0.0005"})).memory_requests == 1


@pytest.mark.parametrize("rule_set", RULE_SETS, ids=lambda rule_set: rule_set.version)
def test_defaults_are_written_once(rule_set: RuleSet) -> None:
    for raw in many(300):
        once = with_defaults(convert(raw, Pod), rule_set)
        assert explain(with_defaults(once, rule_set), rule_set) == explain(once, rule_set)


@pytest.mark.parametrize("rule_set", RULE_SETS, ids=lambda rule_set: rule_set.version)
def test_defaults_never_lower_a_sum(rule_set: RuleSet) -> None:
    for raw in many(300):
        pod = convert({key: value for key, value in raw.items() if key != "status"}, Pod)
        before, after = (footprint(each, (rule_set,)) for each in (pod, with_defaults(pod, rule_set)))
        if rule_set.fills_in_pod_limits:  # then a pod without a limit, which counts its requests, may get a lower one
            before, after = (each._replace(**dict.fromkeys(_WITHOUT_A_LIMIT, 0)) for each in (before, after))
        assert before.within(after)


_WITHOUT_A_LIMIT = ("memory_limits_filled", "memory_unbounded", "cpu_limits_filled", "cpu_unbounded")


@pytest.mark.parametrize(
    ("containers", "limits"),
    [
        ([container({"memory": "70Mi"}, {"memory": "80Mi"})], 500),
        ([container({"memory": "70Mi"}, {"memory": "600Mi"})], 600),
        ([container(limits={"memory": "300Mi"}), container(limits={"memory": "400Mi"})], 700),
        ([container(limits={"memory": "300Mi"}), container({"memory": "400Mi"})], 300),
        ([container({"memory": "70Mi"})], 0),
    ],
)
def test_since_1_37_a_pod_with_requests_of_its_own_is_limited_if_all_its_containers_are(
    containers: list[Any], limits: int
) -> None:
    pod = convert({"spec": {"containers": containers, "resources": {"requests": {"memory": "500Mi"}}}}, Pod)
    assert footprint(with_defaults(pod, KUBERNETES_1_37)).memory_limits == limits * MI
    older = footprint(with_defaults(pod, KUBERNETES_1_36), (KUBERNETES_1_36,))
    assert older.memory_limits == footprint(pod).memory_limits


def test_what_a_status_says_is_rounded_too() -> None:
    """The API server does so whenever it reads a pod."""
    status = {"name": "app", "resources": {"requests": {"cpu": "1500u"}}, "allocatedResources": {"cpu": "1100u"}}
    spec = {"containers": [container({"cpu": "1m"})]}
    two = {"spec": {"containers": [*spec["containers"], {**container({"cpu": "1m"}), "name": "b"}]}}
    two["status"] = {"containerStatuses": [status, {**status, "name": "b"}]}
    pod = convert(two, Pod)
    for rule_set in RULE_SETS:
        assert footprint(pod, (rule_set,)).cpu_requests == 3
        assert footprint(with_defaults(pod, rule_set), (rule_set,)).cpu_requests == 4
