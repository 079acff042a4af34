"""Claims: what DRA allocated, as each version of Kubernetes writes it into the status of a pod."""

from typing import Any

import pytest

from webhook.core.api.types import ClaimStatus, convert
from webhook.core.pods.claims import Claimed, claimed
from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37, KUBERNETES_1_38, RULE_SETS
from webhook.core.pods.shape import Claims
from webhook.core.values.quantity import NANO, QuantityError

CLAIM: dict[str, Any] = {
    "containers": ["a", "init"],
    "resources": {"memory": "10"},
    "mapping": [{"name": "memory", "quantity": "20"}, {"name": "cpu", "quantity": "1"}],
    "overhead": [{"name": "memory", "perPod": "1", "perContainer": "2"}],
}


def claims(*statuses: dict[str, Any]) -> Claims:
    return Claims(tuple(convert(each, ClaimStatus) for each in statuses), ("a", "b"), ("init",))


def test_without_claims_there_is_nothing_to_add() -> None:
    assert [claimed(None, "memory", each) for each in RULE_SETS] == [None, None, None]


def test_1_36_counts_the_resources_of_each_claim_for_the_pod() -> None:
    found = claimed(claims(CLAIM, CLAIM), "memory", KUBERNETES_1_36)
    assert found == Claimed(20 * NANO, (0, 0), (0,))
    assert claimed(claims(CLAIM), "cpu", KUBERNETES_1_36) == Claimed(0, (0, 0), (0,))


def test_1_37_counts_what_is_mapped_and_the_overhead_for_each_container_for_the_pod() -> None:
    found = claimed(claims(CLAIM), "memory", KUBERNETES_1_37)
    assert found == Claimed((20 + 1 + 2 * 2) * NANO, (0, 0), (0,))
    assert claimed(claims(CLAIM), "cpu", KUBERNETES_1_37) == Claimed(NANO, (0, 0), (0,))


def test_1_38_counts_the_overhead_for_containers_for_those_that_use_the_claim() -> None:
    found = claimed(claims(CLAIM), "memory", KUBERNETES_1_38)
    assert found == Claimed(21 * NANO, (2 * NANO, 0), (2 * NANO,))


def test_a_container_that_is_named_twice_pays_twice_and_a_stranger_pays_in_1_37_alone() -> None:
    odd = {**CLAIM, "containers": ["b", "b", "stranger"]}
    assert claimed(claims(odd), "memory", KUBERNETES_1_38) == Claimed(21 * NANO, (0, 4 * NANO), (0,))
    assert claimed(claims(odd), "memory", KUBERNETES_1_37) == Claimed(27 * NANO, (0, 0), (0,))


@pytest.mark.parametrize("rule_set", [KUBERNETES_1_37, KUBERNETES_1_38])
def test_what_a_claim_does_not_say_is_nothing(rule_set: Any) -> None:
    bare = {"containers": ["a"], "mapping": [{"name": "memory"}], "overhead": [{"name": "memory", "perPod": "3"}]}
    assert claimed(claims(bare), "memory", rule_set) == Claimed(3 * NANO, (0, 0), (0,))


@pytest.mark.parametrize(
    ("fault", "rule_set"),
    [
        ({"resources": {"memory": "much"}}, KUBERNETES_1_36),
        ({"mapping": [{"name": "memory", "quantity": "much"}]}, KUBERNETES_1_37),
        ({"overhead": [{"name": "memory", "perContainer": "much"}], "containers": ["a"]}, KUBERNETES_1_38),
    ],
)
def test_a_bad_quantity_is_an_error_for_the_version_that_counts_it(fault: dict[str, Any], rule_set: Any) -> None:
    with pytest.raises(QuantityError):
        claimed(claims(fault), "memory", rule_set)
