"""The sentences about a simulation: what would be over, who holds it, and which pods would not be admitted again."""

import pytest

from tests.support.accounts import ledger, node
from webhook.core.forecast.questions import Over, SimulateAnswer
from webhook.core.forecast.simulated_text import simulated
from webhook.core.reporting.report import Circumstances, Report

GI = 1 << 30
NOW = Report(ledger("", node("a")).account(0.0), Circumstances()).commitment()
WITHIN = "Everything would be within its threshold."


def said(*over: Over, displaced: int = 0, admitted: int = 0, refused: tuple[str, ...] = ()) -> list[str]:
    answer = SimulateAnswer(before=NOW, after=NOW, over=over, displaced=displaced, admitted=admitted, refused=refused)
    return list(simulated(answer))


def test_where_nothing_changes_for_the_worse_there_is_one_sentence() -> None:
    assert said() == [WITHIN]


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        (
            Over(scope="cluster", sum="memory requests", over=3 * GI, holders=("shop", "batch")),
            "Memory requests of the cluster would be over by 3Gi; most of it is held by shop, batch.",
        ),
        (
            Over(scope="high-mem", sum="cpu limits", over=1500, holders=("shop",)),
            "Cpu limits of pool high-mem would be over by 1.5; most of it is held by shop.",
        ),
    ],
)
def test_a_sum_that_would_be_over_is_said_with_its_scope_amount_and_holders(over: Over, sentence: str) -> None:
    assert said(over) == [sentence]
    assert said(over, over) == [sentence, sentence]


def test_the_pods_of_nodes_that_go_are_counted_and_those_refused_are_named() -> None:
    assert said(displaced=5, admitted=5) == [WITHIN, "5 of 5 pods of the nodes that go would be admitted again."]
    assert said(displaced=5, admitted=3, refused=("shop/a", "shop/b"))[1:] == [
        "3 of 5 pods of the nodes that go would be admitted again.",
        "Refused: shop/a, shop/b.",
    ]


def test_of_many_that_are_refused_the_others_are_counted() -> None:
    assert said(displaced=9, admitted=1, refused=("shop/a", "shop/b"))[-1] == "Refused: shop/a, shop/b and 6 more."
