"""The scopes on the page: tones, load lines and what is said of nodes."""

import pytest

from tests.support.rows import GI, commitment, line, scope
from tests.support.views import ROOM, view
from webhook.core.reporting.rows import Line
from webhook.core.reporting.scope_view import tone


@pytest.mark.parametrize(
    ("a_sum", "shown"),
    [
        (line(0, 10), "calm"),
        (line(8, 10), "calm"),
        (line(9, 10), "near"),
        (line(8, 10, granted=1), "near"),
        (line(10, 10), "near"),
        (line(11, 10), "over"),
        (line(5, None), "calm"),
        (line(0, 0), "calm"),
        (line(1, 0), "over"),
    ],
)
def test_a_sum_is_near_from_warn_at_on_and_over_past_its_bound(a_sum: Line, shown: str) -> None:
    assert tone(a_sum, 0.9) == shown


def test_the_page_takes_the_worst_tone_of_all_sums() -> None:
    assert view().tone == "calm"
    assert view(commitment(ROOM, scope("hm", line(17 * GI, 18 * GI)))).tone == "near"
    assert view(commitment(ROOM, scope("hm", line(19 * GI, 18 * GI)))).tone == "over"
    assert view(commitment(ROOM, problem="not listed yet")).tone == "unknown"


def test_a_load_line_has_geometry_figures_exact_bytes_and_words() -> None:
    (requests, limits) = view().scopes[0].lines
    assert requests.bar == (375, 0, 750, 500, None)
    assert (requests.free, requests.committed, requests.bound, requests.threshold) == ("9Gi free", "9Gi", "18Gi", "75%")
    assert f"free {9 * GI}," in requests.exact
    assert requests.said == "memory requests: 9Gi free, 9Gi committed of 18Gi, threshold 75%"
    assert limits.bar.threshold == 1000


def test_past_allocatable_the_whole_is_marked() -> None:
    (over,) = view(commitment(scope("cluster", line(30 * GI, 18 * GI)))).scopes[0].lines
    assert over.bar == (1000, 0, 600, None, 800)
    assert over.free == "12Gi over"


def test_what_a_scope_says_of_its_nodes() -> None:
    noted = scope(
        "cluster", nodes_counted=2, pods=1, pods_max=None, reserve_nodes=1, reserve_used=("n",), unbounded_containers=1
    )
    said = "2 of 3 nodes count · 1 pod · reserve for 1 node, used by n · 1 container without a limit"
    assert view(commitment(noted)).scopes[0].note == said


def test_a_pools_slider_has_the_pools_path() -> None:
    shown = view(commitment(ROOM, scope("hm", line(1, 2))))
    assert shown.what_if.sliders[-1].path == "pools.hm.thresholds.memory.requests"
