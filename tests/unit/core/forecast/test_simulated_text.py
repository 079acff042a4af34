"""What would come of a change, in sentences."""

from tests.support.rows import GI, commitment
from webhook.core.forecast.questions import More, Over, SimulateAnswer
from webhook.core.forecast.simulated_text import simulated


def answer(
    *over: Over, displaced: int = 0, admitted: int = 0, refused: tuple[str, ...] = (), more: More | None = None
) -> SimulateAnswer:
    account = commitment()
    return SimulateAnswer(
        before=account, after=account, over=over, displaced=displaced, admitted=admitted, refused=refused, more=more
    )


def more(pods: int, *unknown: str) -> More:
    amounts = {"memory_requests": pods * GI, "memory_limits": pods * 2 * GI, "cpu_requests": 0, "cpu_limits": 0}
    return More(pods=pods, unknown=unknown, **amounts)


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


def test_pods_that_would_come_are_added_up_and_unknown_ones_named() -> None:
    assert list(simulated(answer(more=more(3))))[1:] == [
        "3 more pods would come, with 3Gi of requests and 6Gi of limits."
    ]
    assert list(simulated(answer(more=more(1))))[1] == "1 more pod would come, with 1Gi of requests and 2Gi of limits."
    names = [f"shop/Rollout/r{number}" for number in range(7)]
    assert list(simulated(answer(more=more(0, *names))))[1:] == [
        "No pod would come.",
        f"What a pod asks is not known of {', '.join(names[:5])} and 2 more: no pod lives, and there is no template.",
    ]
