"""The quotas as they are seen: what a namespace has, and that nothing is refused by what may be out of date."""

from collections.abc import Callable

import msgspec
import pytest
from kubernetes.client.configuration import Configuration

from tests.support.replica import Clock
from tests.unit.core.quotas.making import a_quota
from webhook.controllers import watches as watching
from webhook.core.quotas.check import Quota
from webhook.core.quotas.objects import ResourceQuota
from webhook.kube.client import Api
from webhook.state.quota_view import QuotaView
from webhook.watch.events import Bookmark, Changed, Connected, Deleted, Disconnected, Replaced, Unreadable, WatchEvent

API = Api(Configuration(host="http://127.0.0.1:1"))


class Seen:
    """A view that is told news as the watch would."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.view = QuotaView(self.clock)
        self.tell: Callable[[WatchEvent[Quota]], None] = watching.watch_quotas(API, self.view, self.clock)._deliver

    def names(self, namespace: str = "default") -> list[str]:
        """Which quotas of a namespace would refuse."""
        return [each.name for each in self.view.of(namespace)]


@pytest.fixture
def seen() -> Seen:
    found = Seen()
    found.tell(Replaced([a_quota("b"), a_quota("a"), a_quota("c", namespace="other")], 7, []))
    return found


def test_before_the_first_list_nothing_is_refused_by_quotas() -> None:
    found = Seen()
    found.tell(Changed(a_quota(), 3))
    assert found.names() == []
    assert not found.view.usable()


def test_a_namespace_has_its_own_quotas_by_name(seen: Seen) -> None:
    assert (seen.names(), seen.names("other"), seen.names("none")) == (["a", "b"], ["c"], [])
    assert len(seen.view) == 3


def test_a_list_replaces_what_was_known(seen: Seen) -> None:
    seen.tell(Replaced([a_quota("d")], 9, []))
    assert (seen.names(), seen.names("other")) == (["d"], [])


def test_a_change_replaces_one_and_an_end_takes_it_out(seen: Seen) -> None:
    seen.tell(Changed(a_quota("b", {"pods": "3"}), 8))
    assert [each.hard for each in seen.view.of("default")] == [{"requests.memory": "4Gi"}, {"pods": "3"}]
    seen.tell(Deleted(a_quota("a"), 9))
    assert seen.names() == ["b"]
    seen.tell(Unreadable("default", "b", "", 10, "no quota"))
    assert seen.names() == []
    assert len(seen.view) == 1


def test_what_restricts_nothing_of_pods_is_not_kept(seen: Seen) -> None:
    seen.tell(Changed(a_quota("a", {"services": "3"}), 8))
    assert seen.names() == ["b"]


def test_a_watch_that_is_broken_for_long_refuses_nothing_until_it_is_back(seen: Seen) -> None:
    seen.tell(Disconnected("refused"))
    assert seen.names() == ["a", "b"]
    seen.clock.wait(5.0)
    assert seen.names() == []
    assert not seen.view.usable()
    seen.tell(Connected())
    assert seen.names() == ["a", "b"]
    seen.tell(Disconnected("refused"))
    seen.clock.wait(5.0)
    seen.tell(Bookmark(11))
    assert seen.view.usable()


def test_a_quota_is_taken_in_as_the_api_shows_it() -> None:
    shown = {
        "metadata": {"name": "q", "namespace": "shop", "resourceVersion": "7"},
        "spec": {"hard": {"pods": "9"}, "scopes": ["NotTerminating"]},
        "status": {"hard": {"pods": "3", "services": "1"}, "used": {"pods": "1", "services": "0"}},
    }
    taken = watching.QUOTAS.take(msgspec.convert(shown, ResourceQuota))
    assert (taken.namespace, taken.name, taken.restricted) == ("shop", "q", ("pods",))
    assert [each.scope_name for each in taken.selectors] == ["NotTerminating"]
    assert (taken.hard["pods"], taken.used["pods"]) == ("3", "1")
