"""Every sentence that a person reads, and that none of them hides an overrun or a trick."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.support.accounts import GI
from tests.support.examples import examples
from webhook.core.config.percentage import Share
from webhook.core.config.types import Mode
from webhook.core.ledger.nodes import Allocatable
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.messages import _REFUSED, Help, percent, place, printable, refusal, warnings
from webhook.core.reviews.verdict import Decision, Reason, Sum, Verdict, cannot_tell, refuse, refuse_by_quota
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

MI = 1 << 20
WEB = "pod default/web-7"
NASTY = "a\nb\r\x1b[31mred\u202e\u200b\x9b\ud800\u2028é"


def short_of(
    field: str = "memory_requests",
    *,
    asked: int,
    committed: int,
    bound: int,
    granted: int = 0,
    room: int = 24 * GI,
    reserve: int = 0,
    scope: str = CLUSTER,
    share: str = "75%",
) -> Sum:
    of_memory = field.startswith("memory")
    all_of_it = Allocatable(room, 0) if of_memory else Allocatable(0, room)
    index = Amounts._fields.index(field)
    return Sum(scope, index, asked, committed, granted, bound, all_of_it, reserve, Share.parse(share))


REQUESTS = short_of(asked=512 * MI, committed=19132 * MI - 512 * MI, bound=18 * GI)
LIMITS = short_of("memory_limits_filled", asked=GI, committed=24 * GI, bound=24 * GI, share="100%")
POOL = short_of(asked=2 * GI, committed=5 * GI, bound=6 * GI, room=8 * GI, scope="high-mem")
RESERVE = short_of(asked=2 * GI, committed=11 * GI, bound=12 * GI, reserve=8 * GI)
COMING = short_of(asked=2 * GI, committed=11 * GI, granted=6 * GI, bound=18 * GI)
CPU = short_of("cpu_requests", asked=750, committed=2500, bound=3000, room=4000)
FULL = short_of(asked=1, committed=GI, bound=0, room=8 * GI, reserve=16 * GI)

NODELESS = Sum(CLUSTER, 0, GI, 0, 0, 0, Allocatable(), 0, Share.parse("75%"), (("cordoned", 2), ("not Ready", 1)))
EMPTY = Sum("high-mem", 0, GI, 0, 0, 0, Allocatable(), 0, Share.parse("75%"))

A3 = short_of("memory_limits_filled", asked=2 * GI, committed=23 * GI, bound=24 * GI, share="100%")

IN = "in ConfigMap headroom-system/headroom-config"
REFUSALS = [
    pytest.param(
        [A3],
        f"{WEB} exceeds the cluster's memory headroom: it adds 2Gi of limits, 1Gi is free (23Gi of 24Gi committed; "
        f"threshold 100% of allocatable). Lower its limits, free memory, or have thresholds.memory.limits raised {IN}",
        id="limits",
    ),
    pytest.param(
        [NODELESS],
        f"{WEB} exceeds the cluster's memory headroom: it adds 1Gi of requests, and no node counts (2 cordoned, 1 not "
        "Ready). To ask for less does not help: a node must be uncordoned, repaired, untainted or added",
        id="no node counts",
    ),
    pytest.param(
        [EMPTY],
        f"{WEB} exceeds pool high-mem's memory headroom: it adds 1Gi of requests, and no node counts (there is none). "
        "To ask for less does not help: a node must be uncordoned, repaired, untainted or added",
        id="no node",
    ),
    pytest.param(
        [NODELESS, LIMITS],
        f"{WEB} exceeds the cluster's memory headroom: it adds 1Gi of requests, and no node counts (2 cordoned, 1 not "
        "Ready); it adds 1Gi of limits, 0 is free (24Gi of 24Gi committed; threshold 100% of allocatable). "
        "Lower its requests and limits, free memory, or have thresholds.memory.requests and thresholds.memory.limits "
        f"raised {IN}",
        id="no node counts there",
    ),
    pytest.param(
        [REQUESTS],
        f"{WEB} exceeds the cluster's memory headroom: it adds 512Mi of requests, 0 is free (18620Mi of 18432Mi "
        "committed; threshold 75% of allocatable). "
        f"Lower its requests, free memory, or have thresholds.memory.requests raised {IN}",
        id="requests, over the threshold already",
    ),
    pytest.param(
        [POOL],
        f"{WEB} exceeds pool high-mem's memory headroom: it adds 2Gi of requests, 1Gi is free (5Gi of 6Gi committed; "
        "threshold 75% of allocatable). "
        f"Lower its requests, free memory, or have the pool's thresholds.memory.requests raised {IN}",
        id="pool",
    ),
    pytest.param(
        [RESERVE],
        f"{WEB} exceeds the cluster's memory headroom: it adds 2Gi of requests, 1Gi is free (11Gi of 12Gi committed; "
        "threshold 75% of allocatable less 8Gi in reserve). "
        f"Lower its requests, free memory, or have thresholds.memory.requests raised {IN}",
        id="reserve",
    ),
    pytest.param(
        [COMING],
        f"{WEB} exceeds the cluster's memory headroom: it adds 2Gi of requests, 1Gi is free (17Gi of 18Gi committed, "
        "6Gi of it for pods being created; threshold 75% of allocatable). "
        f"Lower its requests, free memory, or have thresholds.memory.requests raised {IN}",
        id="pods being created",
    ),
    pytest.param(
        [CPU],
        f"{WEB} exceeds the cluster's cpu headroom: it adds 750m of requests, 500m is free (2500m of 3000m committed; "
        "threshold 75% of allocatable). "
        f"Lower its requests, free cpu, or have thresholds.cpu.requests raised {IN}",
        id="cpu",
    ),
    pytest.param(
        [short_of("cpu_limits", asked=2000, committed=11000, bound=12000, room=16000)],
        f"{WEB} exceeds the cluster's cpu headroom: it adds 2 CPU of limits, 1 CPU is free (11 CPU of 12 CPU "
        "committed; threshold 75% of allocatable). "
        f"Lower its limits, free cpu, or have thresholds.cpu.limits raised {IN}",
        id="whole cpus",
    ),
    pytest.param(
        [FULL],
        f"{WEB} exceeds the cluster's memory headroom: it adds 0.01Mi of requests, 0 is free (1024Mi of 0 committed; "
        "threshold 75% of allocatable less 16384Mi in reserve). "
        f"Lower its requests, free memory, or have thresholds.memory.requests raised {IN}",
        id="no room at all",
    ),
    pytest.param(
        [POOL, structs.replace(CPU, scope="high-mem")],
        f"{WEB} exceeds pool high-mem's memory headroom: it adds 2Gi of requests, 1Gi is free (5Gi of 6Gi committed; "
        "threshold 75% of allocatable); pool high-mem's cpu headroom: it adds 750m of requests, 500m is free (2500m "
        "of 3000m committed; threshold 75% of allocatable). Lower its requests, free memory and cpu, or have the "
        f"pool's thresholds.memory.requests and the pool's thresholds.cpu.requests raised {IN}",
        id="two sums",
    ),
    pytest.param(
        [LIMITS, POOL, CPU],
        f"{WEB} exceeds the cluster's memory headroom: it adds 1Gi of limits, 0 is free (24Gi of 24Gi committed; "
        "threshold 100% of allocatable); 2 more sums are short. "
        "Lower its limits and requests, free memory and cpu, or have thresholds.memory.limits and the pool's "
        f"thresholds.memory.requests and thresholds.cpu.requests raised {IN}",
        id="more sums than there is room for",
    ),
]


@pytest.mark.parametrize(("sums", "sentence"), REFUSALS)
def test_a_refusal_names_each_sum_its_figures_and_what_to_do(sums: list[Sum], sentence: str) -> None:
    assert refusal(refuse(tuple(sums), Mode.ENFORCE), WEB) == sentence


@pytest.mark.parametrize(("sums", "sentence"), REFUSALS)
def test_growth_that_is_refused_is_told_the_same_of_growing(sums: list[Sum], sentence: str) -> None:
    expected = sentence.replace(WEB, f"growth of {WEB}")
    assert refusal(refuse(tuple(sums), Mode.ENFORCE), WEB, "growth of {}") == expected


def test_a_refusal_ends_with_whom_to_ask() -> None:
    help_ = Help("guard/headroom-config", "ask #platform")
    told = refusal(refuse((A3,), Mode.ENFORCE), WEB, help_=help_)
    assert told.endswith(" raised in ConfigMap guard/headroom-config; ask #platform")
    for reason in (Reason.MISSING_LIMITS, Reason.UNAVAILABLE, Reason.AWAITING, Reason.INVALID):
        told = refusal(Verdict(Decision.DENY, reason, detail="why"), WEB, help_=help_)
        assert told.endswith("; ask #platform"), reason
    quota = refuse_by_quota(Mode.ENFORCE, "exceeded quota: q")
    assert refusal(quota, WEB, help_=help_) == "exceeded quota: q", "others look for a quota's own words"


@pytest.mark.parametrize(
    ("reason", "detail", "sentence"),
    [
        (
            Reason.MISSING_LIMITS,
            "",
            (
                "has a container without a memory limit, which missingLimits: deny refuses. "
                "Give every container resources.limits.memory"
            ),
        ),
        (
            Reason.MISSING_REQUESTS,
            "",
            "requests no memory, which missingRequests: deny refuses. Give its containers resources.requests.memory",
        ),
        (Reason.INVALID, "spec: {bad}", "cannot be judged: spec: {bad}"),
        (
            Reason.UNAVAILABLE,
            "the pods are still being listed",
            "cannot be judged now (AccountUnavailable): the pods are still being listed. Try again in a moment",
        ),
        (Reason.NOT_JUDGED, "Headroom judges pods", "is not judged: Headroom judges pods"),
    ],
)
def test_a_refusal_without_figures_says_what_is_wrong(reason: Reason, detail: str, sentence: str) -> None:
    assert refusal(Verdict(Decision.DENY, reason, detail=detail), WEB) == f"{WEB} {sentence}"


def test_a_quotas_refusal_is_its_own_sentence_and_nothing_else() -> None:
    said = "exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3"
    assert refusal(refuse_by_quota(Mode.ENFORCE, said), WEB) == said
    long = f"failed quota: q: must specify limits.cpu for: {','.join(f'container-{n}' for n in range(100))}"
    assert refusal(refuse_by_quota(Mode.ENFORCE, long), WEB) == long


@pytest.mark.parametrize(
    ("need", "largest", "said"),
    [
        (Allocatable(17 * GI, 0), Allocatable(8 * GI, 4000), "asks 17Gi, the largest it may use has 8Gi"),
        (Allocatable(GI, 8500), Allocatable(8 * GI, 4000), "asks 8.5 cpu, the largest it may use has 4 cpu"),
        (
            Allocatable(17 * GI, 8500),
            Allocatable(8 * GI, 4000),
            "asks 17Gi and 8.5 cpu, the largest it may use has 8Gi and 4 cpu",
        ),
        (Allocatable(6 * GI, 3000), Allocatable(8 * GI, 4000), "asks 6Gi and 3 cpu, which no node has together"),
    ],
)
def test_what_no_node_can_hold_is_said_with_what_there_is(need: Allocatable, largest: Allocatable, said: str) -> None:
    verdict = Verdict(Decision.DENY, Reason.UNPLACEABLE, lacking=Lacking(need, largest))
    assert refusal(verdict, WEB) == (
        f"{WEB} cannot run: no node that counts now can hold it: it {said}. It would wait until a larger node comes, "
        "which unplaceable: deny refuses. Ask for less"
    )
    warned = structs.replace(verdict, decision=Decision.WARN)
    assert warnings(warned, WEB) == (f"{WEB} waits for a larger node: it {said}",)
    (line,) = warnings(warned, f"pod {'n' * 63}/{'p' * 253}")
    assert line.endswith(f"… waits for a larger node: it {said}")
    assert len(line) <= 120


def test_a_pod_whose_nodes_do_not_count_is_not_told_to_ask_for_less() -> None:
    said = "asks 1Gi and 100m cpu, and may use no node that counts now"
    verdict = Verdict(Decision.DENY, Reason.UNPLACEABLE, lacking=Lacking(Allocatable(GI, 100), Allocatable()))
    assert refusal(verdict, WEB) == (
        f"{WEB} cannot run: no node that counts now can hold it: it {said}. It would wait until such a node counts, "
        "which unplaceable: deny refuses. To ask for less does not help: a node must be uncordoned, repaired, "
        "untainted or added"
    )
    warned = structs.replace(verdict, decision=Decision.WARN)
    assert warnings(warned, WEB) == (f"{WEB} waits for a node that it may use: it {said}",)
    (line,) = warnings(warned, f"pod {'n' * 63}/{'p' * 253}")
    assert line.endswith(f"… waits for a node that it may use: it {said}")
    assert len(line) <= 120


LACKING = Lacking(Allocatable(17 * GI, 1000), Allocatable(8 * GI, 4000))
WAITS = f"{WEB} waits for a larger node: it asks 17Gi, the largest it may use has 8Gi"


def test_what_neither_fits_nor_could_run_is_told_both_in_one_refusal() -> None:
    verdict = refuse((REQUESTS,), Mode.ENFORCE)
    head, asks, advice = refusal(verdict, WEB).partition("Lower its")
    assert refusal(structs.replace(verdict, lacking=LACKING), WEB) == (
        f"{head}No node that counts now can hold it either: it asks 17Gi, the largest it may use has 8Gi. "
        f"{asks}{advice}"
    )
    nodeless = refuse((NODELESS,), Mode.ENFORCE)
    assert refusal(structs.replace(nodeless, lacking=Lacking(Allocatable(GI, 100), Allocatable())), WEB) == refusal(
        nodeless, WEB
    )


def test_who_is_told_of_a_bound_is_told_as_well_that_no_node_can_hold_it() -> None:
    over = structs.replace(refuse((REQUESTS,), Mode.WARN), lacking=LACKING)
    assert warnings(over, WEB) == (
        "past the threshold: memory requests of the cluster 19132Mi of 18432Mi, over by 700Mi",
        WAITS,
    )
    near = Verdict(Decision.WARN, Reason.UNPLACEABLE, sums=(short_of(asked=GI, committed=4 * GI, bound=5 * GI),))
    assert warnings(structs.replace(near, lacking=LACKING), WEB) == (
        "memory requests of the cluster at 100% of the threshold: 5Gi of 5Gi",
        WAITS,
    )


def test_nobody_is_told_to_free_what_is_not_there() -> None:
    empty = short_of(asked=19 * GI, committed=0, bound=18 * GI)
    assert refusal(refuse((empty,), Mode.ENFORCE), WEB).endswith(
        f". Lower its requests or have thresholds.memory.requests raised {IN}"
    )
    for filled in (structs.replace(empty, granted=1), LIMITS):
        assert ", free memory, or have" in refusal(refuse((empty, filled), Mode.ENFORCE), WEB)


def test_what_pods_hold_that_can_run_nowhere_is_part_of_a_refusal() -> None:
    stuck = structs.replace(REQUESTS, unplaceable=6 * GI)
    told = refusal(refuse((stuck,), Mode.ENFORCE), WEB)
    assert ", 6144Mi of it for pods that no node can hold" in told
    assert told.replace(", 6144Mi of it for pods that no node can hold", "") == refusal(
        refuse((REQUESTS,), Mode.ENFORCE), WEB
    )


@pytest.mark.parametrize(
    ("verdict", "lines"),
    [
        (Verdict(Decision.ALLOW, Reason.FITS), []),
        (Verdict(Decision.ALLOW, Reason.EXEMPT, sums=(REQUESTS,), detail="why"), []),
        (refuse((REQUESTS,), Mode.AUDIT), []),
        (refuse((REQUESTS,), Mode.ENFORCE), []),
        (
            refuse((REQUESTS, CPU), Mode.WARN),
            [
                "past the threshold: memory requests of the cluster 19132Mi of 18432Mi, over by 700Mi",
                "past the threshold: cpu requests of the cluster 3250m of 3000m, over by 250m",
            ],
        ),
        (
            Verdict(
                Decision.WARN,
                Reason.NEAR_BOUND,
                sums=(short_of(asked=GI, committed=4 * GI, granted=GI, bound=6 * GI + GI // 2, scope="high-mem"),),
            ),
            ["memory requests of pool high-mem at 92.4% of the threshold: 6Gi of 6.5Gi"],
        ),
        (Verdict(Decision.WARN, Reason.MISSING_LIMITS), [f"{WEB} has a container without a memory limit"]),
        (Verdict(Decision.WARN, Reason.MISSING_REQUESTS), [f"{WEB} requests no memory"]),
        (refuse_by_quota(Mode.WARN, "exceeded quota: q"), [f"{WEB} is left to its quota: exceeded quota: q"]),
        (refuse_by_quota(Mode.AUDIT, "exceeded quota: q"), []),
        (
            Verdict(
                Decision.WARN,
                Reason.UNPLACEABLE,
                lacking=Lacking(Allocatable(17 * GI, 1000), Allocatable(8 * GI - 1, 4000)),
            ),
            [f"{WEB} waits for a larger node: it asks 17Gi, the largest it may use has 7.99Gi"],
        ),
        (
            cannot_tell(Mode.WARN, "the pods are still being listed"),
            [f"{WEB} was let in unjudged: the pods are still being listed"],
        ),
    ],
)
def test_only_a_verdict_that_warns_has_warnings(verdict: Verdict, lines: list[str]) -> None:
    assert list(warnings(verdict, WEB)) == lines


# -- rounding --------------------------------------------------------------------------------------------------------

memory = st.integers(0, 2**50)
# Amounts as people and machines choose them: round ones, those of a kubelet, and any.
amounts = (
    st.builds(lambda number, unit: number << unit, st.integers(0, 4096), st.sampled_from([20, 28, 30, 40]))
    | st.builds(lambda number: number << 10, st.integers(0, 2**40))
    | st.builds(lambda tenths: -(-tenths * GI // 10), st.integers(0, 10_000))
    | memory
)
FIGURE = r"([0-9.]+)([KMGTPE]i| bytes?|m| CPU|)"
ADDS = re.compile(rf"it adds {FIGURE} of (requests|limits), {FIGURE} is free \({FIGURE} of {FIGURE} committed")
OVER = re.compile(rf" {FIGURE} of {FIGURE}, over by {FIGURE}$")
NEAR = re.compile(rf" at [0-9.]+% of the threshold: {FIGURE} of {FIGURE}$")


def read(*figures: str) -> tuple[list[Decimal], set[str]]:
    """Read figures as (number, unit) in turn; return the numbers, and the units of those that are not 0."""
    numbers = [Decimal(each) for each in figures[::2]]
    return numbers, {unit.removesuffix("s") for number, unit in zip(numbers, figures[1::2], strict=True) if number}


def bytes_of(number: Decimal, units: set[str]) -> Fraction:
    """Return what a figure says, in bytes or millicores."""
    sizes = {"": 1, " byte": 1, "m": 1, " CPU": 1000} | {f"{u}i": 1024**n for n, u in enumerate("KMGTPE", 1)}
    size: int = sizes[next(iter(units or {""}))]
    return Fraction(number) * size


sums_of_memory = st.builds(
    lambda asked, committed, granted, bound: short_of(asked=asked, committed=committed, granted=granted, bound=bound),
    amounts,
    amounts,
    st.just(0) | amounts,
    amounts | st.builds(lambda whole, share: whole * share // 100, amounts, st.integers(1, 150)),
)
sums_of_cpu = st.builds(
    lambda asked, committed, bound: short_of("cpu_requests", asked=asked, committed=committed, bound=bound),
    *[st.integers(0, 10**7) | st.builds(lambda cpus: 1000 * cpus, st.integers(0, 10**4))] * 3,
)
any_short = (sums_of_memory | sums_of_cpu).filter(lambda s: s.asked and s.short_by > 0)


@settings(max_examples=examples(300))
@given(st.lists(any_short, min_size=1, max_size=2))
def test_the_figures_of_a_refusal_share_a_unit_and_add_up_to_the_last_digit(sums: list[Sum]) -> None:
    told = ADDS.findall(refusal(refuse(tuple(sums), Mode.ENFORCE), WEB))
    assert told
    units_of: dict[str, set[str]] = {}
    for s, found in zip(sums, told, strict=False):
        (asked, free, committed, bound), units = read(*found[:2], *found[3:])
        units_of.setdefault(s.resource, set()).update(units)
        assert free == max(0, bound - committed)
        assert asked > free, "or nobody would see why it is refused"
        assert committed + asked > bound
        shared = units_of[s.resource]
        assert len(shared) <= 1
        charged = s.committed + s.granted
        assert bytes_of(free, shared) < max(0, s.bound - charged) + 2, "rounded down, but for what a byte is split into"
        assert bytes_of(bound, shared) < s.bound + 1
        assert bytes_of(asked, shared) > s.asked - 1
        assert bytes_of(committed, shared) > charged - 1 or committed == bound


@given(any_short)
def test_the_figures_of_a_warning_past_the_threshold_add_up_too(s: Sum) -> None:
    (line,) = warnings(refuse((s,), Mode.WARN), WEB)
    found = OVER.search(line)
    assert found, line
    (reached, bound, over), units = read(*found.groups())
    assert len(units) == 1
    assert over > 0
    assert reached - bound == over
    assert bytes_of(over, units) > s.short_by - 2


@given((sums_of_memory | sums_of_cpu).filter(lambda s: s.asked and s.bound and s.short_by <= 0))
def test_what_comes_near_a_threshold_is_never_shown_past_it(s: Sum) -> None:
    (line,) = warnings(Verdict(Decision.WARN, Reason.NEAR_BOUND, sums=(s,)), WEB)
    found = NEAR.search(line)
    assert found, line
    (reached, bound), units = read(*found.groups())
    assert len(units) <= 1
    assert reached <= bound


@given(st.integers(1, 1 << 20), st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_what_people_chose_in_mebibytes_is_shown_exactly(asked: int, committed: int, bound: int) -> None:
    asked += max(0, bound - committed)
    s = short_of(asked=asked * MI, committed=committed * MI, bound=bound * MI)
    found = ADDS.search(refusal(refuse((s,), Mode.ENFORCE), WEB))
    assert found
    figures = found.groups()
    (adds, free, taken, most), units = read(*figures[:2], *figures[3:])
    if asked + committed + bound < 10**6:
        said = [bytes_of(each, units) for each in (adds, free, taken, most)]
        assert said == [each * MI for each in (asked, max(0, bound - committed), committed, bound)]


@pytest.mark.parametrize(
    ("asked", "committed", "bound", "said"),
    [
        (2 * GI, 14 * GI, 24 * GI * 60 // 100, "adds 2Gi of requests, 0.4Gi is free (14Gi of 14.4Gi committed"),
        (128 * MI, 9 * GI // 4, 9 * GI // 4, "adds 0.125Gi of requests, 0 is free (2.25Gi of 2.25Gi committed"),
        (2 * MI, 300 * GI, 300 * GI + MI, "adds 2Mi of requests, 1Mi is free (307200Mi of 307201Mi committed"),
        (GI, 23 * GI, 24_670_000 << 10, "adds 1Gi of requests, 0.52Gi is free (23Gi of 23.52Gi committed"),
        (429496730, 14 * GI, 24 * GI * 60 // 100, "429496730 bytes of requests, 429496729 bytes is free (15032385536 "),
    ],
)
def test_figures_are_exact_where_that_can_be_read(asked: int, committed: int, bound: int, said: str) -> None:
    assert said in refusal(refuse((short_of(asked=asked, committed=committed, bound=bound),), Mode.ENFORCE), WEB)


@given(memory.filter(bool), st.data())
def test_a_percentage_is_never_rounded_down(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, 2 * whole))
    said = float(percent(part, whole).removesuffix("%"))
    assert said >= round(100 * part / whole, 6)
    assert said < 100 * part / whole + 0.1001


# -- text of unknown origin ------------------------------------------------------------------------------------------


def test_what_does_not_print_is_escaped_and_what_is_long_is_cut() -> None:
    assert printable(NASTY, 100) == r"a\nb\r\x1b[31mred\u202e\u200b\x9b\ud800\u2028é"
    assert printable("x" * 10, 10) == "x" * 10
    assert printable("x" * 11, 10) == "x" * 9 + "…"


@given(st.text(), st.integers(1, 200))
def test_whatever_comes_is_one_line_that_can_be_sent(text: str, most: int) -> None:
    line = printable(text, most)
    assert line.isprintable()
    assert len(line) <= most
    assert line.encode().decode() == line


def test_a_detail_of_unknown_origin_stays_on_its_line() -> None:
    verdict = Verdict(Decision.DENY, Reason.INVALID, detail=NASTY * 100)
    line = refusal(verdict, WEB)
    assert line.isprintable()
    assert len(line) <= 500


names = st.text(max_size=400) | st.sampled_from(["p" * 63, "p" * 253, NASTY, NASTY * 50])
fields = st.sampled_from(["memory_requests", "memory_limits_filled", "cpu_requests", "cpu_limits"])
any_sums = st.builds(
    lambda field, scope, figures: short_of(
        field, scope=scope, asked=figures[0], committed=figures[1], granted=figures[2], bound=figures[3]
    ),
    fields,
    names.filter(bool),
    st.tuples(*[st.integers(0, 2**63)] * 3, st.integers(1, 2**63)),
)


@given(
    st.builds(
        Verdict,
        st.just(Decision.WARN),
        st.sampled_from([Reason.NEAR_BOUND, Reason.MEMORY, Reason.CPU]),
        sums=st.lists(any_sums, min_size=1, max_size=8).map(tuple),
    )
    | st.builds(
        Verdict,
        st.just(Decision.WARN),
        st.sampled_from([Reason.MISSING_LIMITS, Reason.MISSING_REQUESTS, Reason.UNAVAILABLE]),
        detail=names,
    ),
    names,
)
def test_a_warning_is_one_short_line_whatever_the_names_are(verdict: Verdict, name: str) -> None:
    lines = warnings(verdict, f"pod default/{name}")
    assert len(lines) == max(1, len(verdict.sums))
    for line in lines:
        assert len(line) <= 120
        assert line.isprintable()
        assert not line.startswith("Warning")


def test_a_long_name_does_not_hide_what_a_warning_says() -> None:
    long = "p" * 253
    missing = Verdict(Decision.WARN, Reason.MISSING_LIMITS)
    assert warnings(missing, f"pod default/{long}")[0].endswith("… has a container without a memory limit")
    pool = short_of(asked=GI, committed=999 * GI + 1, bound=998 * GI, scope="p" * 63)
    assert warnings(refuse((pool,), Mode.WARN), WEB)[0].endswith("… 1000.01Gi of 998Gi, over by 2.01Gi")
    near = Verdict(Decision.WARN, Reason.NEAR_BOUND, sums=(structs.replace(pool, bound=1001 * GI),))
    assert warnings(near, WEB)[0].endswith("… at 100% of the threshold: 1000.01Gi of 1001Gi")


contacts = st.text(max_size=120) | st.just("x" * 120) | st.just("")


@given(
    st.builds(
        Verdict,
        st.just(Decision.DENY),
        st.sampled_from([Reason.MEMORY, Reason.CPU]),
        sums=st.lists(any_sums, min_size=1, max_size=8).map(tuple),
        detail=names,
        lacking=st.none() | st.just(LACKING),
    )
    | st.builds(Verdict, st.just(Decision.DENY), st.sampled_from([*_REFUSED]), detail=names),
    names,
    contacts,
    st.sampled_from(["{}", "growth of {}", "confinement of {} to these nodes"]),
)
def test_a_refusal_has_at_most_500_characters_and_says_whom_to_ask(
    verdict: Verdict, name: str, contact: str, act: str
) -> None:
    told = refusal(verdict, f"pod default/{name}", act, Help(contact=contact))
    assert len(told) <= 500
    assert told.isprintable()
    assert not contact or told.endswith(f"; {printable(contact, 120)}")
    if verdict.sums:
        assert "it adds " in told


def test_a_long_name_does_not_hide_what_a_refusal_says() -> None:
    long = f"pod {'n' * 63}/{'p' * 253}"
    told = refusal(refuse((A3,), Mode.ENFORCE), long, help_=Help(contact="ask #platform"))
    assert told.endswith(refusal(refuse((A3,), Mode.ENFORCE), "").strip() + "; ask #platform")
    assert len(told) == 500


def test_a_scope_is_named_as_people_do() -> None:
    assert (place(CLUSTER), place("high-mem")) == ("the cluster", "pool high-mem")
