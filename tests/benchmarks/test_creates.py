"""Creates: what is promised of them follows from the rounds in which both took part."""

from benchmarks.creates import (
    AROUND,
    BYTES,
    CLAIMED,
    COLUMNS,
    GO,
    LISTS,
    NONE,
    ONE,
    QUOTA,
    TWO,
    Plan,
    case,
    claims,
    notes,
    size_claims,
)
from benchmarks.figures import Chapter, Claim

USUAL = {"per_second": 500.0, "p50_ms": 4.0, "p99_ms": 60.0, "load_cpu_ms": 0.2, AROUND: 5.0, "failures": 0.0}
PLAN = Plan()
RESOURCE_QUOTA = "ResourceQuota"


def chapter(**changes: dict[str, float]) -> Chapter:
    """Two rounds in which all are alike, but for the changes to some rivals' figures."""
    made = Chapter("creates", COLUMNS)
    for size in PLAN.sizes:
        for clients in PLAN.clients:
            for number in (1, 2):
                for rival in (*CLAIMED, NONE, LISTS):
                    made.add(case(clients, size), rival, number, USUAL | changes.get(rival.replace("-", "_"), {}))
    return made


def broken(made: Chapter) -> list[str]:
    """What does not hold."""
    return [claim.text for claim in claims(made, PLAN) if not claim.holds]


def test_a_cheap_headroom_keeps_all_promises() -> None:
    assert broken(chapter(quota={"p50_ms": 6.0})) == []


def test_one_that_is_as_dear_as_a_quota_is_told_so_at_all_sizes() -> None:
    assert broken(chapter()) == [f"p50 over {RESOURCE_QUOTA}'s, 1 client, {size:,} pods" for size in PLAN.sizes]


def test_where_pods_go_only_the_quota_may_fail() -> None:
    def failures(made: Chapter) -> Claim:
        return claims(made, PLAN._replace(churn=True))[0]

    assert failures(beside_a_failing_quota := chapter(quota={"failures": 2.0})).holds
    assert "calls that failed under ResourceQuota, in all rounds: 16" in beside_a_failing_quota.notes
    for rival in (GO, BYTES, ONE, TWO, NONE):
        assert not failures(chapter(**{rival.replace("-", "_"): {"failures": 1.0}})).holds, rival
    assert not claims(chapter(quota={"failures": 2.0}), PLAN)[0].holds


def test_two_replicas_are_held_to_the_rate_and_the_longest_waits() -> None:
    slow = chapter(quota={"p50_ms": 6.0}, headroom_2={"per_second": 300.0, "p99_ms": 90.0})
    assert broken(slow) == [
        text
        for size in PLAN.sizes
        for text in (
            f"{TWO}: creates/s over {RESOURCE_QUOTA}'s, 16 clients, {size:,} pods",
            f"{TWO}: creates/s over do-nothing Go's, 16 clients, {size:,} pods",
            f"{TWO}: p99 over {RESOURCE_QUOTA}'s, 16 clients, {size:,} pods",
        )
    ]


def test_only_what_was_measured_is_claimed() -> None:
    def claimed(*clients: int) -> list[str]:
        return [claim.text for claim in claims(chapter(), PLAN._replace(clients=clients))]

    failures, *rest = claimed(1, 16)
    assert claimed(1) == [failures, *(text for text in rest if "1 client," in text)]
    assert claimed(16) == [failures, *(text for text in rest if "16 clients," in text)]
    assert (len(claimed(1)), len(claimed(16))) == (1 + 2 * len(PLAN.sizes), 1 + 6 * len(PLAN.sizes))


def test_failures_count_but_those_of_whoever_lists_all_pods() -> None:
    cheap = {"p50_ms": 6.0}
    assert broken(chapter(quota=cheap, lists={"failures": 1.0})) == []
    assert broken(chapter(quota=cheap, go={"failures": 1.0})) == [f"failures of all but {LISTS}, in all rounds"]


def test_the_sizes_are_compared_by_what_headroom_costs_over_doing_nothing() -> None:
    made = chapter(headroom_1={"p50_ms": 4.4})
    (claim,) = size_claims(made, PLAN.sizes, 0.15)
    assert claim.holds
    assert claim.judged.median == 0.0
    assert [note.rpartition(": ")[2] for note in made.notes] == ["1.1 (1.1-1.1)"] * 2


def test_the_share_of_the_load_generator_is_told() -> None:
    said = notes(chapter(), 3)
    assert "(1 client, 0 pods)" in said[0]
    assert said[1].endswith(": 3")


def test_everybody_of_whom_something_is_claimed_has_full_turns() -> None:
    assert {GO, BYTES, QUOTA, ONE, TWO} == set(CLAIMED)


def test_what_no_webhook_could_surpass_is_told() -> None:
    made = chapter(quota={AROUND: 6.0})
    claims(made, PLAN)
    told = [note for note in made.notes if "could reach" in note]
    assert [note.rpartition(": ")[2] for note in told] == ["1.2 (1.2-1.2)"] * len(PLAN.sizes)
