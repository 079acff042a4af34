"""Workloads at their largest: how many pods there may be, and what those that are missing would commit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support import accounts
from tests.support.accounts import GI
from tests.support.workloads import template, workload
from webhook.core.api.types import ObjectError
from webhook.core.forecast import rollout as course
from webhook.core.forecast.growth import Growth, grown, peak, total
from webhook.core.forecast.plan import fenceposts
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.traits import Traits
from webhook.core.pods.confinement import Way

TEMPLATE = template(2048)


def surge(value: object) -> dict[str, Any]:
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": value}}}


@pytest.mark.parametrize(
    ("kind", "replicas", "most", "spec", "pods"),
    [
        ("Deployment", 4, None, {}, 5),  # 25% by default, rounded up
        ("Deployment", 4, 10, {}, 13),
        ("Deployment", 4, 3, {}, 4),  # an autoscaler brings it down, too
        ("Deployment", 4, None, surge(2), 6),
        ("Deployment", 4, None, surge("100%"), 8),
        ("Deployment", 4, None, surge(9), 8),
        ("Deployment", 4, None, surge(0), 4),
        ("Deployment", 4, None, {"strategy": {"type": "Recreate"}}, 4),
        ("Deployment", 4, None, {"paused": True}, 4),
        ("Deployment", 0, 10, {}, 0),  # autoscaling is off at 0
        ("StatefulSet", 4, 10, {}, 10),
    ],
)
def test_the_most_pods_at_once(kind: str, replicas: int, most: int | None, spec: dict[str, Any], pods: int) -> None:
    assert peak(kind, workload(replicas, **spec), most, surge=True) == pods


def test_without_surge_the_replicas_count() -> None:
    assert peak("Deployment", workload(4), None, surge=False) == 4
    assert peak("Deployment", workload(4), 10, surge=False) == 10


@given(st.integers(1, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_rolling_update_never_has_more_pods_than_its_peak(replicas: int, more: int, missing: int) -> None:
    """The course of the same update, which early answers are worked out by, has its most pods there."""
    rolling = {"maxSurge": more, "maxUnavailable": missing}
    made = workload(replicas, strategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    run = course.rolling(replicas, replicas, *fenceposts(made.spec.strategy.rolling_update, replicas))
    most = max(new + replicas - run.gone(new - 1 if new else 0) for new in range(run.come + 1))
    assert most <= peak("Deployment", made, None, surge=True)


def account(settings: str = "", *pools: str) -> Ledger:
    """A node of each pool, with two pods of a Deployment web on the first: one of 1Gi, one of 2Gi."""
    nodes = [accounts.node(f"n{number}", pool=pool) for number, pool in enumerate(pools or ("",))]
    ledger = accounts.ledger(settings, *nodes)
    for memory in (1, 2):
        pod = accounts.pod(f"web-{memory}", memory, "n0", limits=3, cpu=100)
        ledger.see(replace(pod, traits=Traits(("Deployment", "web"))))
    return ledger


def growth(ledger: Ledger, *asked: Growth) -> Any:
    return grown(ledger.account(0.0), ledger.accounting, asked)


def web(pods: int, template: dict[str, Any] | None = None) -> Growth:
    return Growth("default", "Deployment", "web", pods, template)


def test_what_would_come_is_like_the_largest_that_lives() -> None:
    found = growth(account(), web(5, TEMPLATE))
    assert (found.number, total(found)) == (3, accounts.footprint(2, 3, 100).times(3))
    assert found.amounts == {("default", "Deployment", "web"): total(found)}
    assert found.unknown == ()


@pytest.mark.parametrize("pods", [0, 1, 2])
def test_nothing_comes_where_so_many_live(pods: int) -> None:
    assert growth(account(), web(pods)).pods == ()


def test_without_a_pod_the_template_says_what_one_asks() -> None:
    found = growth(account(), Growth("default", "Deployment", "other", 2, TEMPLATE))
    assert total(found).memory_requests == 4 * GI
    found = growth(account(), Growth("default", "Deployment", "other", 2))
    assert (found.pods, found.unknown) == ((), ("default/Deployment/other",))


@pytest.mark.parametrize("spec", [[], 3, {"containers": [{"resources": {"requests": {"memory": "many"}}}]}])
def test_a_template_that_cannot_be_read_is_an_error(spec: object) -> None:
    with pytest.raises(ObjectError):
        growth(account(), Growth("default", "Deployment", "other", 2, {"spec": spec}))


def test_what_would_come_goes_to_the_pool_of_all_others() -> None:
    ledger = account(accounts.HIGH_MEM, "high-mem", "other")
    (pod,) = growth(ledger, web(3)).pods
    assert pod.confined_to == (Way((("pool", "high-mem"),)),)
    more = accounts.pod("web-3", 1, "n1")
    ledger.see(replace(more, traits=Traits(("Deployment", "web"))))
    (pod,) = growth(ledger, web(4)).pods
    assert pod.confined_to == ()


def test_a_pod_that_waits_says_where_others_may_go() -> None:
    ledger = account(accounts.HIGH_MEM, "high-mem")
    waiting = accounts.pod("web-3", 1, confined_to={"pool": "other"})
    ledger.see(replace(waiting, traits=Traits(("Deployment", "web"))))
    (pod,) = growth(ledger, web(4)).pods
    assert pod.confined_to == (Way((("pool", "other"),)),)
