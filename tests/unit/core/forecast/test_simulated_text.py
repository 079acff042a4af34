"""What would come of a change, in sentences."""

from tests.support.rows import GI, commitment
from webhook.core.forecast.questions import Over, SimulateAnswer
from webhook.core.forecast.simulated_text import simulated


def answer(*over: Over, displaced: int = 0, admitted: int = 0, refused: tuple[str, ...] = ()) -> SimulateAnswer:
    account = commitment()
    return SimulateAnswer(
        before=account, after=account, over=over, displaced=displaced, admitted=admitted, refused=refused
    )


def test_nothing_over() -> None:
    assert list(simulated(answer())) == ["Everything would be within its threshold."]


def test_what_is_over_is_said_with_those_who_hold_most_of_it() -> None:
    memory = Over(scope="cluster", sum="memory requests", over=GI, holders=("shop/Deployment/web", "a/Pod/b"))
    cpu = Over(scope="hm", sum="cpu requests", over=1500, holders=("shop/Deployment/web",))
    assert list(simulated(answer(memory, cpu))) == [
        "Memory requests of the cluster would be over by 1Gi; most of it is held by shop/Deployment/web, a/Pod/b.",
        "Cpu requests of pool hm would be over by 1.5; most of it is held by shop/Deployment/web.",
    ]


def test_pods_that_would_not_come_back_are_named_and_the_others_counted() -> None:
    said = list(simulated(answer(displaced=5, admitted=1, refused=("a/b", "a/c"))))
    assert said[1:] == [
        "1 of 5 pods of the nodes that go would be admitted again.",
        "Refused: a/b, a/c and 2 more.",
    ]
