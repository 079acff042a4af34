"""The one line that is said of a workload, and what a refusal of it says besides the broken sums."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.accounts import GI
from webhook.core.config.percentage import Share
from webhook.core.forecast.fit import Foresight, Obstacle
from webhook.core.forecast.messages import advice, detail, exceeding, form_warning, warning
from webhook.core.ledger.nodes import Allocatable
from webhook.core.reviews.messages import refusal
from webhook.core.reviews.verdict import Decision, Reason, Sum, Verdict
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

MI = 1 << 20
BILLION = (1 << 31) - 1


def short_of(
    bound: int = 7680 * MI,
    committed: int = 4608 * MI,
    scope: str = CLUSTER,
    field: str = "memory_requests",
    asked: int = 5 * GI,
) -> Sum:
    index = Amounts._fields.index(field)
    return Sum(scope, index, asked, committed, 0, bound, Allocatable(10 * GI, 4000), 0, Share.parse("75%"))


def found(
    obstacle: Obstacle,
    fit: int,
    of: int,
    *sums: Sum,
    each: int = 512 * MI,
    lost: int = 0,
    advice: str = "maxSurge: 0",
    reach: int | None = None,
) -> Foresight:
    return Foresight(obstacle, fit, of, each, sums or (short_of(),), lost, advice, of if reach is None else reach)


FULL = short_of(committed=7680 * MI)
BOTH = "maxSurge: 0, maxUnavailable: 1"
GOLDEN = [
    (
        found(Obstacle.SHORT, 6, 10),
        "only 6 of 10 replicas fit: memory requests of the cluster, 512Mi each, 3Gi free of 7.5Gi",
    ),
    (
        found(Obstacle.SHORT, 2, 3, short_of(6 * GI, 4 * GI, "high-mem"), each=GI + 1),
        "only 2 of 3 replicas fit: memory requests of pool high-mem, 1.01Gi each, 2Gi free of 6Gi",
    ),
    (
        found(Obstacle.SHORT, 1, 2, short_of(3000, 2500, field="cpu_limits"), each=500),
        "only 1 of 2 replicas fit: cpu limits of the cluster, 500m each, 500m free of 3",
    ),
    (
        found(Obstacle.SHORT, 0, 3, each=17 * GI),
        "none of 3 replicas fit: memory requests of the cluster, 17Gi each, 3Gi free of 7.5Gi",
    ),
    (
        found(Obstacle.SHORT, 24, 33, short_of(24 * GI, 33 * GI), each=GI, lost=9),
        "only 24 of 33 replicas fit, and 9 running pods go: memory requests of the cluster, 1Gi each, 0 free of 24Gi",
    ),
    (
        found(Obstacle.STALL, 0, 3, FULL),
        "update stalls at 0 of 3: memory requests of the cluster, 512Mi each, 0 free",
    ),
    (
        found(Obstacle.STALL, 0, 33, FULL, lost=8),
        "update stalls at 0 of 33 and takes 8 running pods away: memory requests of the cluster, 512Mi each, 0 free",
    ),
    (
        found(Obstacle.STALL, 1, 3, FULL, lost=1),
        "update stalls at 1 of 3 and takes 1 running pod away: memory requests of the cluster, 512Mi each, 0 free",
    ),
    (
        found(Obstacle.SURGE, 1, 3, FULL),
        "no room for 2 of 3 surge pods: memory requests of the cluster, 512Mi each, 0 free; maxSurge: 0 needs none",
    ),
]


@pytest.mark.parametrize(("foreseen", "expected"), GOLDEN)
def test_warnings(foreseen: Foresight, expected: str) -> None:
    assert warning(foreseen, "replicas") == expected


REST = "ask for less memory, or raise thresholds.memory.requests"


@pytest.mark.parametrize(
    ("foreseen", "expected"),
    [
        (found(Obstacle.SHORT, 6, 10), ""),
        (found(Obstacle.STALL, 0, 3, FULL), f"set maxSurge: 0, {REST}"),
        (found(Obstacle.STALL, 0, 3, FULL, advice=BOTH), f"set maxSurge: 0, maxUnavailable: 1, {REST}"),
        (
            found(Obstacle.STALL, 0, 30, FULL, advice="maxSurge: 0, maxUnavailable: 8", reach=23),
            f"set maxSurge: 0, maxUnavailable: 8 (gets to 23 of 30), {REST}",
        ),
        (found(Obstacle.STALL, 0, 3, FULL, advice=""), REST),
        (found(Obstacle.STALL, 0, 3, short_of(0, scope="high-mem"), advice=""), f"{REST} of pool high-mem"),
        (
            found(Obstacle.STALL, 0, 3, short_of(0, field="cpu_limits"), advice=""),
            "ask for less cpu, or raise thresholds.cpu.limits",
        ),
        (
            found(Obstacle.SURGE, 1, 3, FULL),
            "the update ends, as slowly as the ReplicaSet controller retries: up to 16 minutes between two tries",
        ),
    ],
)
def test_what_to_do_about_it_or_by_whose_pace_it_goes(foreseen: Foresight, expected: str) -> None:
    assert advice(foreseen, "ReplicaSet") == expected


@given(
    st.sampled_from(Obstacle),
    st.integers(0, BILLION),
    st.integers(1, 1 << 53),
    st.integers(0, BILLION),
    st.sampled_from(["", "maxSurge: 0", f"maxSurge: 0, maxUnavailable: {BILLION}"]),
    st.sampled_from([CLUSTER, "pool" * 15, "a\nb\x1b[31m"]),
)
def test_each_is_one_short_line_and_no_advice_is_cut(
    obstacle: Obstacle, fit: int, each: int, lost: int, way: str, scope: str
) -> None:
    sums = short_of(each * 7, each, scope)
    foreseen = found(obstacle, fit, BILLION, sums, each=each, lost=lost, advice=way, reach=fit)
    told = warning(foreseen, "replicas"), advice(foreseen, "ReplicaSet")
    assert all(len(line) <= 120 for line in told)
    assert all(line.isprintable() for line in told)
    assert way in told[0 if obstacle is Obstacle.SURGE else 1] or obstacle is Obstacle.SHORT


def refused(foreseen: Foresight) -> str:
    why = detail(foreseen, "replicas")
    return refusal(Verdict(Decision.DENY, Reason.MEMORY, sums=foreseen.sums, detail=why), "Deployment default/web")


def test_a_refusal_says_how_many_would_fit_and_by_which_policy_the_others_do_not() -> None:
    assert refused(found(Obstacle.SHORT, 6, 10)) == (
        "Deployment default/web exceeds the cluster's memory headroom (only 6 of 10 replicas would fit, which "
        "workloads: deny refuses): it adds 5Gi of requests, 3Gi is free (4.5Gi of 7.5Gi committed; threshold 75% of "
        "allocatable). Lower its requests, free memory, or have thresholds.memory.requests raised in ConfigMap "
        "headroom-system/headroom-config"
    )


def test_a_refusal_says_none_where_none_would_fit() -> None:
    head = (
        "Deployment default/web exceeds the cluster's memory headroom (none of 10 replicas would fit, which workloads: "
        "deny refuses): "
    )
    assert refused(found(Obstacle.SHORT, 0, 10)).startswith(head)


def test_a_refusal_of_an_update_that_would_stall_says_how_it_would_not() -> None:
    head = (
        "Deployment default/web exceeds the cluster's memory headroom (its update would stall at 0 of 3, which "
        "workloads: deny refuses"
    )
    assert refused(found(Obstacle.STALL, 0, 3)).startswith(f"{head}: set maxSurge: 0): it adds ")
    assert refused(found(Obstacle.STALL, 0, 3, advice="")).startswith(f"{head}): it adds ")
    going = head.replace(" at 0 of 3", " at 0 of 3 and take 2 running pods away")
    assert refused(found(Obstacle.STALL, 0, 3, lost=2, advice="")).startswith(f"{going}): it adds ")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (
            Reason.MISSING_LIMITS,
            "none of 3 replicas get in: no memory limit, missingLimits: deny (unless a LimitRange sets one)",
        ),
        (
            Reason.MISSING_REQUESTS,
            "none of 3 replicas get in: no memory request, missingRequests: deny (unless a LimitRange sets one)",
        ),
    ],
)
def test_what_a_template_leaves_unsaid(reason: Reason, expected: str) -> None:
    assert form_warning(reason, 3, "replicas") == expected
    assert len(form_warning(reason, BILLION, "pods of a run")) <= 120


LIMITS = short_of(field="memory_limits")
ADMITTED = "threshold (mode warn: admitted anyway)"


@pytest.mark.parametrize(
    ("foreseen", "expected"),
    [
        (found(Obstacle.SHORT, 24, 36, LIMITS), f"12 of 36 replicas exceed the memory limits {ADMITTED}"),
        (found(Obstacle.SHORT, 2, 3, LIMITS), f"1 of 3 replicas exceeds the memory limits {ADMITTED}"),
        (found(Obstacle.SURGE, 1, 3, LIMITS), f"2 of 3 surge pods exceed the memory limits {ADMITTED}"),
        (
            found(Obstacle.SHORT, 0, 3, short_of(scope="high-mem", field="cpu_requests")),
            "3 of 3 replicas exceed the cpu requests threshold of pool high-mem (mode warn: admitted anyway)",
        ),
    ],
)
def test_mode_warn_says_what_happens(foreseen: Foresight, expected: str) -> None:
    assert exceeding(foreseen, "replicas") == expected


def test_what_mode_warn_says_stays_on_its_line_whatever_the_pool_is_called() -> None:
    text = exceeding(found(Obstacle.SHORT, 0, BILLION, short_of(scope="p" * 63)), "pods at a time")
    assert len(text) <= 120
    assert text.endswith(" (mode warn: admitted anyway)")
