"""Every sentence that a person reads, and that none of them hides an overrun or a trick."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.support.accounts import GI
from webhook.core.config.percentage import Share
from webhook.core.config.types import Mode
from webhook.core.ledger.nodes import Allocatable
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.messages import percent, place, printable, refusal, warnings
from webhook.core.reviews.verdict import Decision, Reason, Sum, Verdict, cannot_tell, refuse, refuse_by_quota
from webhook.core.values.amounts import Amounts
from webhook.core.values.quantity import NANO, nanos
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

REFUSALS = [
    pytest.param(
        [NODELESS],
        f"{WEB} does not fit: memory requests of the cluster would be 1Gi of 0 "
        "(no node counts: 2 cordoned, 1 not Ready): asked 1Gi, committed 0, short by 1Gi, nothing would fit. "
        "To ask for less does not help: a node must be uncordoned, repaired, untainted or added",
        id="no node counts",
    ),
    pytest.param(
        [EMPTY],
        f"{WEB} does not fit: memory requests of pool high-mem would be 1Gi of 0 (no node counts: there is none): "
        "asked 1Gi, committed 0, short by 1Gi, nothing would fit. "
        "To ask for less does not help: a node must be uncordoned, repaired, untainted or added",
        id="no node",
    ),
    pytest.param(
        [NODELESS, LIMITS],
        f"{WEB} does not fit: memory requests of the cluster would be 1Gi of 0 "
        "(no node counts: 2 cordoned, 1 not Ready): asked 1Gi, committed 0, short by 1Gi, nothing would fit; "
        "memory limits of the cluster would be 25Gi of 24Gi (100% of 24Gi allocatable): "
        "asked 1Gi, committed 24Gi, short by 1Gi, nothing would fit. "
        "Ask for less, free some, or raise thresholds.memory.requests and thresholds.memory.limits "
        "in the ConfigMap headroom-config",
        id="no node counts there",
    ),
    pytest.param(
        [REQUESTS],
        f"{WEB} does not fit: memory requests of the cluster would be 18.69Gi of 18Gi (75% of 24Gi allocatable): "
        "asked 512Mi, committed 18.19Gi, short by 700Mi, nothing would fit. "
        "Ask for less, free some, or raise thresholds.memory.requests in the ConfigMap headroom-config",
        id="requests",
    ),
    pytest.param(
        [LIMITS],
        f"{WEB} does not fit: memory limits of the cluster would be 25Gi of 24Gi (100% of 24Gi allocatable): "
        "asked 1Gi, committed 24Gi, short by 1Gi, nothing would fit. "
        "Ask for less, free some, or raise thresholds.memory.limits in the ConfigMap headroom-config",
        id="limits",
    ),
    pytest.param(
        [POOL],
        f"{WEB} does not fit: memory requests of pool high-mem would be 7Gi of 6Gi (75% of 8Gi allocatable): "
        "asked 2Gi, committed 5Gi, short by 1Gi, at most 1Gi would fit. "
        "Ask for less, free some, or raise thresholds.memory.requests of pool high-mem "
        "in the ConfigMap headroom-config",
        id="pool",
    ),
    pytest.param(
        [RESERVE],
        f"{WEB} does not fit: memory requests of the cluster would be 13Gi of 12Gi "
        "(75% of 16Gi allocatable, 8Gi kept in reserve): "
        "asked 2Gi, committed 11Gi, short by 1Gi, at most 1Gi would fit. "
        "Ask for less, free some, or raise thresholds.memory.requests in the ConfigMap headroom-config",
        id="reserve",
    ),
    pytest.param(
        [COMING],
        f"{WEB} does not fit: memory requests of the cluster would be 19Gi of 18Gi (75% of 24Gi allocatable): "
        "asked 2Gi, committed 11Gi and 6Gi granted but not yet there, short by 1Gi, at most 1Gi would fit. "
        "Ask for less, free some, or raise thresholds.memory.requests in the ConfigMap headroom-config",
        id="granted but not yet there",
    ),
    pytest.param(
        [CPU],
        f"{WEB} does not fit: cpu requests of the cluster would be 3.25 of 3 (75% of 4 allocatable): "
        "asked 750m, committed 2.5, short by 250m, at most 500m would fit. "
        "Ask for less, free some, or raise thresholds.cpu.requests in the ConfigMap headroom-config",
        id="cpu",
    ),
    pytest.param(
        [FULL],
        f"{WEB} does not fit: memory requests of the cluster would be 1.01Gi of 0 "
        "(75% of 0 allocatable, 16Gi kept in reserve): "
        "asked 1 byte, committed 1Gi, short by 1.01Gi, nothing would fit. "
        "Ask for less, free some, or raise thresholds.memory.requests in the ConfigMap headroom-config",
        id="no room at all",
    ),
    pytest.param(
        [LIMITS, POOL, CPU],
        f"{WEB} does not fit: memory limits of the cluster would be 25Gi of 24Gi (100% of 24Gi allocatable): "
        "asked 1Gi, committed 24Gi, short by 1Gi, nothing would fit; "
        "memory requests of pool high-mem would be 7Gi of 6Gi (75% of 8Gi allocatable): "
        "asked 2Gi, committed 5Gi, short by 1Gi, at most 1Gi would fit; "
        "cpu requests of the cluster would be 3.25 of 3 (75% of 4 allocatable): "
        "asked 750m, committed 2.5, short by 250m, at most 500m would fit. "
        "Ask for less, free some, or raise thresholds.memory.limits and "
        "thresholds.memory.requests of pool high-mem and thresholds.cpu.requests in the ConfigMap headroom-config",
        id="several sums",
    ),
]


@pytest.mark.parametrize(("sums", "sentence"), REFUSALS)
def test_a_refusal_names_each_sum_its_figures_and_what_to_do(sums: list[Sum], sentence: str) -> None:
    assert refusal(refuse(tuple(sums), Mode.ENFORCE), WEB) == sentence


@pytest.mark.parametrize(("sums", "sentence"), REFUSALS)
def test_growth_that_is_refused_is_told_the_same_of_growing(sums: list[Sum], sentence: str) -> None:
    expected = sentence.replace("does not fit", "cannot grow")
    assert refusal(refuse(tuple(sums), Mode.ENFORCE), WEB, "cannot grow") == expected


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
        (Allocatable(GI, 100), Allocatable(), "asks 1Gi and 100m cpu, and may use no node that counts now"),
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


LACKING = Lacking(Allocatable(17 * GI, 1000), Allocatable(8 * GI, 4000))
WAITS = f"{WEB} waits for a larger node: it asks 17Gi, the largest it may use has 8Gi"


def test_what_neither_fits_nor_could_run_is_told_both_in_one_refusal() -> None:
    verdict = refuse((REQUESTS,), Mode.ENFORCE)
    head, asks, advice = refusal(verdict, WEB).partition("Ask for less")
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
        "past the bound: memory requests of the cluster 18.69Gi of 18Gi, over by 700Mi",
        WAITS,
    )
    near = Verdict(Decision.WARN, Reason.UNPLACEABLE, sums=(short_of(asked=GI, committed=4 * GI, bound=5 * GI),))
    assert warnings(structs.replace(near, lacking=LACKING), WEB) == (
        "memory requests of the cluster at 100% of the bound: 5Gi of 5Gi",
        WAITS,
    )


def test_nobody_is_told_to_free_what_is_not_there() -> None:
    empty = short_of(asked=19 * GI, committed=0, bound=18 * GI)
    assert refusal(refuse((empty,), Mode.ENFORCE), WEB).endswith(
        ". Ask for less or raise thresholds.memory.requests in the ConfigMap headroom-config"
    )
    for filled in (structs.replace(empty, granted=1), LIMITS):
        assert "Ask for less, free some, or raise" in refusal(refuse((empty, filled), Mode.ENFORCE), WEB)


def test_what_pods_hold_that_can_run_nowhere_is_part_of_a_refusal() -> None:
    stuck = structs.replace(REQUESTS, unplaceable=6 * GI)
    told = refusal(refuse((stuck,), Mode.ENFORCE), WEB)
    assert " (6Gi of it for pods that no node can hold)" in told
    assert told.replace(" (6Gi of it for pods that no node can hold)", "") == refusal(
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
                "past the bound: memory requests of the cluster 18.69Gi of 18Gi, over by 700Mi",
                "past the bound: cpu requests of the cluster 3.25 of 3, over by 250m",
            ],
        ),
        (
            Verdict(
                Decision.WARN,
                Reason.NEAR_BOUND,
                sums=(short_of(asked=GI, committed=4 * GI, granted=GI, bound=6 * GI + GI // 2, scope="high-mem"),),
            ),
            ["memory requests of pool high-mem at 92.4% of the bound: 6Gi of 6.5Gi"],
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
BYTES = re.compile(r" bytes?\b")
FIGURES = re.compile(
    r"would be (?P<reached>\S+) of (?P<bound>\S+) "
    r"\((?:.* of (?P<room>\S+) allocatable.*|no node counts: .+)\): asked (?P<asked>\S+), "
    r"committed (?P<committed>[^ ,]+)(?: and (?P<granted>\S+) granted but not yet there)?, "
    r"short by (?P<short>\S+), (?:at most (?P<free>\S+)|nothing) would fit\."
)


@given(st.sampled_from(["memory_requests", "cpu_requests"]), memory, memory, memory, st.integers(1, 2**50))
def test_no_rounding_makes_an_overrun_look_as_if_it_fitted(
    field: str, asked: int, committed: int, granted: int, short_by: int
) -> None:
    asked = max(asked, short_by)
    bound = max(0, committed + granted + asked - short_by)
    s = short_of(field, asked=asked, committed=committed, granted=granted, bound=bound, room=bound)
    text = refusal(refuse((s,), Mode.ENFORCE), WEB)
    found = FIGURES.search(BYTES.sub("", text))
    assert found is not None
    scale = 1 if s.resource == "memory" else 1000
    says = {name: nanos(figure) * scale for name, figure in found.groupdict(default="0").items()}
    assert says["reached"] > says["bound"]
    assert says["committed"] + says["granted"] + says["asked"] > says["bound"]
    assert says["short"] >= short_by * NANO
    assert says["asked"] > says["free"]
    assert says["free"] <= s.free * NANO


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
    assert len(line) < 600


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
    near = Verdict(Decision.WARN, Reason.NEAR_BOUND, sums=(pool,))
    assert warnings(near, WEB)[0].endswith("… at 100.3% of the bound: 1000.01Gi of 998Gi")


def test_a_scope_is_named_as_people_do() -> None:
    assert (place(CLUSTER), place("high-mem")) == ("the cluster", "pool high-mem")
