"""Top owners: found for audit lines, and never at the price of the audit log."""

from collections.abc import Callable

import pytest

from tests.support.replica import Clock
from webhook.core.events.reference import Reference
from webhook.kube.stream import KubeError, Unreachable
from webhook.observability import top_owners as topowners
from webhook.observability.owners import Owners
from webhook.observability.top_owners import TopOwners

TOP = Reference("apps/v1", "Deployment", "shop", "web", "uid-web")


def owner(name: str) -> Reference:
    return Reference("apps/v1", "ReplicaSet", "shop", name, f"uid-{name}")


class Known(Owners):
    """Answers as it is told to, and notes what it was asked for."""

    def __init__(self, answer: Callable[[], Reference | None]) -> None:
        self.answer, self.calls, self.kept = answer, list[Reference](), dict[Reference, Reference]()

    def known(self, owner: Reference) -> Reference | None:
        return self.kept.get(owner)

    def top(self, owner: Reference) -> Reference | None:
        self.calls.append(owner)
        return self.answer()


def fails(error: Exception) -> Callable[[], Reference | None]:
    def answer() -> Reference | None:
        raise error

    return answer


def test_what_is_remembered_costs_no_call() -> None:
    owners = Known(lambda: TOP)
    owners.kept[owner("web-1")] = TOP
    assert [TopOwners(owners, Clock()).find(owner("web-1")) for _ in range(1000)] == [TOP] * 1000
    assert owners.calls == []


def test_owners_that_somebody_made_up_are_looked_up_seldom() -> None:
    owners, clock = Known(lambda: None), Clock()
    found = TopOwners(owners, clock)
    for number in range(1000):
        assert found.find(owner(f"made-up-{number}")) is None
    assert len(owners.calls) == topowners._BURST
    clock.wait(2.0)
    for number in range(1000):
        found.find(owner(f"made-up-{number}"))
    assert len(owners.calls) == topowners._BURST + 2 * topowners._RATE


@pytest.mark.parametrize("error", [Unreachable("down"), ValueError("a fault of ours")])
def test_after_a_call_that_failed_there_is_none_for_a_while(error: KubeError | ValueError) -> None:
    owners, clock = Known(fails(error)), Clock()
    found = TopOwners(owners, clock)
    assert [found.find(owner("web-1")) for _ in range(10)] == [None] * 10
    assert len(owners.calls) == 1
    clock.wait(topowners._PAUSE)
    owners.answer = lambda: TOP
    assert found.find(owner("web-1")) == TOP
