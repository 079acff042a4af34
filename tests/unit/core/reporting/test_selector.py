"""Label selectors, by the cases of k8s.io/apimachinery/pkg/labels/selector_test.go."""

import pytest

from webhook.core.reporting.selector import parse


@pytest.mark.parametrize(
    ("selector", "labels"),
    [
        ("x=y", {"x": "y"}),
        ("x==y", {"x": "y"}),
        ("x=y,z=w", {"x": "y", "z": "w"}),
        ("x!=y,z!=w", {"x": "z", "z": "a"}),
        ("notin=in", {"notin": "in"}),
        ("x", {"x": "z"}),
        ("!x", {"y": "z"}),
        ("x=", {"x": ""}),
        ("x!=y", {}),
        ("x in (y,z)", {"x": "z"}),
        ("x in ( y , z ), a", {"x": "y", "a": ""}),
        ("x notin (y)", {}),
        ("x notin (y)", {"x": "z"}),
        ("topology.kubernetes.io/zone=a, disk in (ssd)", {"topology.kubernetes.io/zone": "a", "disk": "ssd"}),
    ],
)
def test_what_fits(selector: str, labels: dict[str, str]) -> None:
    assert parse(selector)(labels)


@pytest.mark.parametrize(
    ("selector", "labels"),
    [
        ("x=z", {}),
        ("x=y", {"x": "z"}),
        ("x=y,z=w", {"x": "w", "z": "w"}),
        ("x!=y", {"x": "y"}),
        ("x", {"y": "z"}),
        ("!x", {"x": "z"}),
        ("x in (y,z)", {"x": "a"}),
        ("x in (y)", {}),
        ("x notin (y,z)", {"x": "z"}),
    ],
)
def test_what_does_not(selector: str, labels: dict[str, str]) -> None:
    assert not parse(selector)(labels)


@pytest.mark.parametrize(
    "selector",
    ["", ",", "a,,b", "x=a||y=b", "x==a==b", "!x=a", "x<a", "x in", "x in a", "x in (a", "x (a)", "=a", "x=a b", "ä=b"],
)
def test_what_is_no_selector_is_told_so(selector: str) -> None:
    with pytest.raises(ValueError, match="is not a requirement of a label; write for example zone=a"):
        parse(selector)
