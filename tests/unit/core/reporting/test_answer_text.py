"""Answers as text: the sentences that people read."""

from tests.support.rows import GI, commitment, line, scope
from webhook.core.reporting.answer_text import check_lines, compared, fit_line
from webhook.core.reporting.rows import CheckRow


def row(missing: int, fits: int, **given: object) -> CheckRow:
    usual = {"kind": "Deployment", "namespace": "shop", "name": "web", "wanted": missing, "living": 0}
    usual |= {"decision": "allow", "reason": "Fits", "message": "", "asks_requests": GI, "asks_limits": 0}
    return CheckRow(missing=missing, fits=fits, warnings=(), **{**usual, **given})  # type: ignore[arg-type]


def test_check() -> None:
    assert next(check_lines([row(3, 3)], ())) == "All 3 pods fit."
    assert next(check_lines([row(0, 0)], ())) == "Nothing is missing: all these pods are there."
    assert next(check_lines([], ())) == "There is no pod in these manifests."
    lines = list(check_lines([row(3, 3), row(4, 2, name="api", message="no room")], ("Service", "Service")))
    assert lines[0] == "Not all pods fit: pod 3 of 4 of Deployment/api would be refused."
    assert "Deployment/api: no room" in lines
    assert lines[-1] == "skipped, because they commit no resources: Service"


def test_fit() -> None:
    what, which = "pods of Pod/a", "memory requests of the cluster"
    assert fit_line(3, by_thresholds=3, by_nodes=6, what=what, which=which) == (
        "Room for 3 more pods of Pod/a: memory requests of the cluster run out first; the nodes could hold 6."
    )
    assert fit_line(2, by_thresholds=3, by_nodes=2, what=what, which=which) == (
        "Room for 2 more pods of Pod/a: the nodes run out first, in pieces; "
        "memory requests of the cluster would let in 3."
    )
    assert "no threshold concerns them" in fit_line(2, by_thresholds=None, by_nodes=2, what=what, which=which)


def test_compared_shows_each_sum_twice() -> None:
    before, after = commitment(scope("cluster", line(GI, 4 * GI))), commitment(scope("cluster", line(GI, 2 * GI)))
    title, now, then = compared(before, after, 80)
    assert title == "cluster memory requests"
    assert (now.endswith("1Gi of 4Gi"), then.endswith("1Gi of 2Gi")) == (True, True)


def test_a_threshold_that_is_gone_is_said() -> None:
    *_, then = compared(commitment(scope("cluster", line(GI, 4 * GI))), commitment(scope("cluster", line(GI))), 80)
    assert then.endswith("1Gi no threshold")
