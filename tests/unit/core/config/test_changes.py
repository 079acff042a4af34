"""What an edit changes: each setting that differs, and never more than one short line."""

import pytest
from hypothesis import given

from tests.support.configs import SMALLEST, configs
from webhook.core.config.changes import MOST, changes
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.parse import parse
from webhook.core.config.render import digest

POOL = "{name: hm, nodeSelector: {pool: hm}, thresholds: {memory: {requests: %s}}%s}"


def pools(*items: str) -> str:
    return f"pools: [{', '.join(items)}]\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "mode: warn\n", "mode: enforce → warn"),
        ("", "warnAt: 90.0%\n", ""),
        ("message: on-call\n", 'message: "ask #platform"\n', 'message: on-call → "ask #platform"'),
        ("reserve: {nodes: 2}\nmode: audit\n", "", "mode: audit → enforce, reserve.nodes: 2 → 0"),
        (pools(POOL % ("50%", "")), pools(POOL % ("75%", "")), "pools[hm].thresholds.memory.requests: 50% → 75%"),
        (pools(POOL % ("50%", "")), pools(POOL % ("50%", ", reserve: {nodes: 0}")), ""),
        (
            "exempt: {namespaces: [a]}\n",
            "exempt: {namespaces: [a, b]}\n",
            "exempt.namespaces: [a] → [a, b]",
        ),
        (
            "",
            "overrides: [{namespaces: [a], mode: warn}]\n",
            "overrides[0].namespaces: unset → [a], overrides[0].mode: unset → warn",
        ),
    ],
)
def test_each_setting_that_differs_is_told_with_what_it_was(old: str, new: str, said: str) -> None:
    assert changes(parse(SMALLEST + old), parse(SMALLEST + new)) == said


def test_a_threshold_that_goes_is_unset() -> None:
    new = SMALLEST.replace("requests: 75%", "limits: 100%")
    assert changes(parse(SMALLEST), parse(new)) == (
        "thresholds.memory.limits: unset → 100%, thresholds.memory.requests: 75% → unset"
    )


@given(configs, configs)
def test_it_is_one_short_line_and_empty_only_where_nothing_changes(old: HeadroomConfig, new: HeadroomConfig) -> None:
    said = changes(old, new)
    assert (said == "") == (digest(old) == digest(new))
    assert len(said) <= MOST + 20
    assert said.isprintable()
