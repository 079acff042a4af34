"""A frame of the dashboard: it fits every terminal, says everything in words, and no table hides another."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import blocked, denial
from tests.support.rows import GI, commitment, group, line, scope
from webhook.core.reporting.dashboard import Seen, frame, narrowed, shared
from webhook.core.reporting.rows import Commitment, GroupRow
from webhook.core.reporting.tables import Table

ROOM = scope("cluster", line(9 * GI, 18 * GI), line(12 * GI, 24 * GI, threshold=1.0))
NAMESPACES = [group(f"team-{number:03d}", (200 - number) * GI // 100) for number in range(150)]
LONG = "n" * 63


def seen(account: Commitment, namespaces: Sequence[GroupRow] = NAMESPACES, waiting: int = 0, refused: int = 0) -> Seen:
    return Seen(
        account,
        namespaces,
        [blocked(f"web-{number}", namespace=LONG) for number in range(waiting)],
        [denial(f"job-{number}", namespace=LONG) for number in range(refused)],
    )


def text(of: Seen, width: int = 80, height: int = 24) -> list[str]:
    return [each.text for each in frame(of, width, height)]


def test_the_verdict_is_first_then_when_it_was_so_then_the_load_lines() -> None:
    lines = frame(seen(commitment(ROOM)), 80, 24)
    assert lines[0] == ("Room for 9Gi of requests and 12Gi of limits.", "title")
    assert lines[1].text.startswith("as of 03:04:05 · mode enforce · configuration ")
    assert "9Gi free" in lines[3].text
    assert "█" in lines[3].text


def test_a_full_terminal_is_used_and_no_table_hides_another() -> None:
    lines = text(seen(commitment(ROOM), waiting=60, refused=60))
    assert len(lines) == 24
    heads = [each for each in lines if each.startswith(("Waiting now", "Namespaces", "Last refusals"))]
    assert heads == ["Waiting now (4 of 60)", "Namespaces (3 of 150)", "Last refusals (3 of 60)"]


def test_what_is_empty_takes_one_line_and_leaves_the_room_to_others() -> None:
    lines = text(seen(commitment(ROOM)))
    assert "Waiting now: nobody" in lines
    assert "Last refusals: none" in lines
    assert "Namespaces (12 of 150)" in lines
    assert len(lines) == 24


def test_what_nobody_knows_is_not_said_to_be_nothing() -> None:
    lines = text(Seen(commitment(ROOM), [], None, None))
    assert "Waiting now: only Headroom in the cluster knows, and it is not asked" in lines
    assert "waiting." not in lines[0]


def test_near_and_over_have_words_and_not_only_colours() -> None:
    near = scope("cluster", line(17 * GI, 18 * GI), line(25 * GI, 24 * GI, threshold=1.0))
    shown = frame(seen(commitment(near)), 80, 24)
    looks = {each.look: each.text for each in shown if "of 18Gi" in each.text or "of 24Gi" in each.text}
    assert looks["near"].endswith("near")
    assert "1Gi over" in looks["over"]
    assert shown[0].look == "over"


def test_a_sum_without_any_room_is_full() -> None:
    full = scope("cluster", line(18 * GI, 18 * GI), line(17 * GI, 18 * GI))
    shown = [each for each in frame(seen(commitment(full)), 80, 24) if each.look == "near"]
    assert [each.text.split()[-1] for each in shown[-2:]] == ["full", "near"]


def test_of_many_pools_the_fullest_are_shown() -> None:
    pools = [scope(f"pool-{number}", line(number * GI, 20 * GI)) for number in range(20)]
    lines = text(seen(commitment(ROOM, *pools)))
    assert [each.split()[0] for each in lines if each.startswith("pool-")] == [f"pool-{n}" for n in range(19, 13, -1)]
    assert "and 14 more pools with more room" in lines


def test_a_stale_account_says_so() -> None:
    shown = frame(seen(commitment(ROOM, problem="the API server does not answer", age=40.0)), 80, 24)
    assert (shown[0].text, shown[0].look) == ("Headroom cannot judge now: the API server does not answer.", "over")
    assert shown[1].text.startswith("stale: as of 03:04:05, 40 s ago")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (20, 3), (1, 1), (300, 100)])
def test_it_fits_every_terminal(width: int, height: int) -> None:
    hard = scope(LONG, line(17 * GI, 18 * GI), line(25 * GI, 24 * GI, threshold=1.0))
    lines = text(seen(commitment(ROOM, hard), [group(LONG, GI)], waiting=30, refused=30), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_only_names_are_cut_for_a_narrow_terminal() -> None:
    table = Table(("NAME", "FREE"), ((LONG, "12.5Gi"), ("b", "0")), (False, True))
    assert narrowed(table, 20).lines() == ["NAME            FREE", "nnnnnnnnnnn…  12.5Gi", "b                  0"]
    assert narrowed(table, 90) == table


def test_a_narrow_terminal_leaves_out_what_people_need_least() -> None:
    wide = seen(commitment(ROOM), [], waiting=1)
    titles = [each.split()[-2:] for each in text(wide, 120) if each.startswith("NAMESPACE")]
    assert titles == [["SINCE", "REASON"]]
    (narrow,) = [each for each in text(wide, 80) if each.startswith("NAMESPACE")]
    assert "SHORT BY" in narrow
    assert "ONE ASKS" not in narrow


@given(st.lists(st.integers(0, 50), max_size=5), st.integers(-5, 200))
def test_room_is_shared_out_whole_and_in_turns(wanted: list[int], room: int) -> None:
    found = shared(wanted, room)
    assert sum(found) == min(sum(wanted), max(0, room))
    assert all(given <= want for given, want in zip(found, wanted, strict=True))
    short = [given for given, want in zip(found, wanted, strict=True) if given < want]
    assert all(given <= least + 1 for given in found for least in short)
