"""The warnings of a preview: what each change of the configuration is called, and that they are few and short."""

import pytest

from webhook.core.config.types import Mode
from webhook.core.forecast.preview import Level, Preview
from webhook.core.forecast.preview_messages import preview_warnings
from webhook.core.values.scopes import CLUSTER

GI = 1 << 30
REQUESTS = (CLUSTER, "memory", "requests")
LIMITS = ("high-mem", "memory", "limits")
CPU = ("high-mem", "cpu", "limits")


def only(shown: Preview) -> str:
    (line,) = preview_warnings(shown)
    return line


def test_nothing_is_said_of_a_change_that_makes_nothing_worse() -> None:
    assert preview_warnings(Preview(Mode.ENFORCE)) == ()


@pytest.mark.parametrize(
    ("mode", "then"),
    [
        (Mode.ENFORCE, "nothing more fits until 1Gi are freed"),
        (Mode.WARN, "more gets a warning until 1Gi are freed"),
        (Mode.AUDIT, "more is only logged until 1Gi are freed"),
    ],
)
def test_a_sum_past_its_threshold_is_said_with_what_the_mode_makes_of_it(mode: Mode, then: str) -> None:
    line = only(Preview(mode, over=((REQUESTS, Level(9 * GI, 8 * GI)),)))
    assert line == f"memory requests of the cluster would be 112.5% of the new threshold: {then}"


@pytest.mark.parametrize(
    ("where", "level", "told"),
    [
        (LIMITS, Level(3 * GI, 2 * GI), "memory limits of pool high-mem would be 150% of the new threshold: "),
        (CPU, Level(2500, 2000), "cpu limits of pool high-mem would be 125% of the new threshold: "),
        (CPU, Level(99, 1), "cpu limits of pool high-mem would be 9900% of the new threshold: "),
        (CPU, Level(100, 1), "cpu limits of pool high-mem would be over 100 times the new threshold: "),
        (CPU, Level(100, 0), "cpu limits of pool high-mem would be past a threshold of 0: "),
    ],
)
def test_how_far_a_sum_is_past_is_a_percentage_as_long_as_that_says_anything(
    where: tuple[str, str, str], level: Level, told: str
) -> None:
    assert only(Preview(Mode.ENFORCE, over=((where, level),))).startswith(told)


def test_what_has_to_be_freed_of_cpu_is_called_cpu() -> None:
    line = only(Preview(Mode.ENFORCE, over=((CPU, Level(2500, 2000)),)))
    assert line.endswith(": nothing more fits until 500m cpu are freed")


def test_a_threshold_of_nothing_is_said_with_its_cause() -> None:
    no_nodes = Preview(Mode.ENFORCE, closed=(REQUESTS,))
    assert only(no_nodes) == (
        "memory requests of the cluster would have threshold 0: there is nothing to take a share of"
    )
    reserved = no_nodes._replace(kept=((CLUSTER, 2, 2),))
    assert only(reserved) == (
        "memory requests of the cluster would have threshold 0: the reserve (nodes: 2) takes all 2 nodes; "
        "nothing would fit"
    )


def test_a_reserve_that_takes_every_node_explains_a_sum_past_its_threshold_only_if_that_is_nothing() -> None:
    kept = ((CLUSTER, 1, 1),)
    past_nothing = Preview(Mode.WARN, over=((REQUESTS, Level(GI, 0)),), kept=kept)
    assert only(past_nothing).endswith("threshold 0: the reserve (nodes: 1) takes the only node; all get a warning")
    past_something = Preview(Mode.WARN, over=((REQUESTS, Level(2 * GI, GI)),), kept=kept)
    assert only(past_something).endswith("200% of the new threshold: more gets a warning until 1Gi are freed")


def test_pools_that_go_or_select_nothing_and_thresholds_that_go() -> None:
    shown = Preview(Mode.ENFORCE, gone=("old",), empty=("new",), unbound=((LIMITS, 16 * GI),))
    assert preview_warnings(shown) == (
        "pool new selects no node: its thresholds come to 0, and nothing confined to it fits",
        "pool old would be removed: its pods count in the other scopes only",
        "memory limits of pool high-mem would no longer have a threshold; it is 16Gi now",
    )


@pytest.mark.parametrize(
    ("more", "now", "told"),
    [
        (1, 0, "1 node: the first has it"),
        (3, 0, "3 nodes: the first has them"),
        (1, 2, "1 more node: the first has it"),
        (3, 2, "3 more nodes: the first has them"),
    ],
)
def test_how_many_nodes_two_pools_select_beyond_now(more: int, now: int, told: str) -> None:
    assert only(Preview(Mode.ENFORCE, overlaps=(("a", "b", more, now),))) == f"pools a and b both select {told}"


@pytest.mark.parametrize(("changes", "lines", "last"), [(8, 8, "p7"), (9, 8, "... and 2 more such changes")])
def test_at_most_eight_lines_are_shown_and_the_last_counts_the_others(changes: int, lines: int, last: str) -> None:
    told = preview_warnings(Preview(Mode.ENFORCE, gone=tuple(f"p{number}" for number in range(changes))))
    assert len(told) == lines
    assert last in told[-1]


def test_lines_are_few_and_short_whatever_the_names() -> None:
    names = [f"{number}{'p' * 61}" for number in range(30)]
    over = tuple(((name, "memory", "requests"), Level(10**15, 7 + 10**12 * (n % 2))) for n, name in enumerate(names))
    for mode in Mode:
        every = Preview(
            mode,
            over=over[:3],
            closed=((names[4], "memory", "requests"),),
            unbound=(((names[5], "memory", "limits"), 10**18),),
            gone=(names[6],),
            empty=(names[7],),
            overlaps=((names[8], names[9], 12_345, 6),),
            kept=((names[4], 999, 12_345),),
        )
        for shown in (every, Preview(mode, over=over)):
            lines = preview_warnings(shown)
            assert len(lines) == 8
            assert max(map(len, lines)) <= 120
            assert all(str(number) in line for number, line in enumerate(lines[:3]))
        assert preview_warnings(Preview(mode, over=over))[-1] == "... and 23 more such changes"
