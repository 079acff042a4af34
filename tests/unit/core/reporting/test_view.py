"""The view: what the page shows, and in which order."""

from tests.support.rows import GI, commitment, line, scope
from tests.support.views import ROOM, view
from webhook.core.reporting.page_query import Query
from webhook.core.reporting.view import Shown, Tried, page_view


def test_pools_come_after_the_cluster_the_fullest_first_and_not_too_many() -> None:
    pools = [scope(f"pool-{number}", line(number, 100)) for number in range(20)]
    shown = view(commitment(ROOM, *pools))
    assert [each.name for each in shown.scopes[:3]] == ["cluster", "pool-19", "pool-18"]
    assert len(shown.scopes) + shown.more_scopes == 21


def test_what_is_tried_is_drawn_below_what_is() -> None:
    then = commitment(scope("cluster", line(9 * GI, 6 * GI)))
    shown = page_view(
        Shown(commitment(ROOM), [], [], [], [], Tried(then, ("Said.",), "a: b")),
        Query(tried=(("thresholds.memory.requests", "25%"),), lost=("n1",)),
    )
    requests, limits = shown.scopes[0].lines
    assert requests.then is not None
    assert (requests.then.threshold, requests.then_said) == (250, "then 3Gi over, 9Gi of 6Gi")
    assert limits.then_said == "then 0, no threshold"
    assert shown.what_if.answers == ("Said.",)
    slider, other = shown.what_if.sliders
    assert (slider.path, slider.now, slider.value) == ("thresholds.memory.requests", 75, 25)
    assert (other.path, other.now, other.value) == ("thresholds.memory.limits", 100, 100)
