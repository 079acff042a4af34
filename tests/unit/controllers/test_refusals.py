"""The loop: what was refused is shown, controllers are read within limits, and owners are nudged by one replica."""

import logging
from threading import Event
from typing import NamedTuple

import pytest

from tests.support.exchanging import Object, Replica
from tests.support.refusing import balances, blocked, owner, refused, row
from tests.support.replica import Clock
from webhook.controllers import refusals
from webhook.controllers.owner_reads import GoneError, OwnerReads
from webhook.controllers.refusal_exchange import SILENT
from webhook.controllers.refusals import RefusalController
from webhook.core.events.reference import Reference
from webhook.core.forecast.shortage import Shortage
from webhook.core.ledger.balance import Balance
from webhook.core.reporting.blocked import EVERY, SETTLED, SOON
from webhook.core.reporting.publication import Publication, written
from webhook.kube.stream import ApiError, KubeError, Unreachable
from webhook.state.room_view import RoomView

TOP = Reference("apps/v1", "Deployment", "default", "web", "uid-web")


class Room(RoomView):
    """A room that the test sets."""

    def __init__(self) -> None:
        self.free = 0.0
        self.nudging = self.first = False
        self.pods: set[str] = set()

    @property
    def nudges(self) -> bool:
        return self.nudging

    def balances(self) -> dict[str, Balance]:
        return balances(self.free)

    def is_there(self, name: str) -> bool:
        return name in self.pods

    def comes_first(self) -> bool:
        return self.first


class Controllers(OwnerReads):
    """Controllers as they are said to be; None: it is gone. Unless it is told of one, it lacks a pod."""

    def __init__(self) -> None:
        self.lacks: dict[str, Shortage | None] = {}
        self.reads: list[str] = []
        self.touched: list[str] = []
        self.error: KubeError | None = None
        self.forbidden: KubeError | None = None

    def read(self, owner: Reference) -> tuple[Shortage, Reference | None] | None:
        self.reads.append(owner.name)
        if self.error is not None:
            raise self.error
        found = self.lacks.get(owner.name, Shortage(1))
        if found is None:
            raise GoneError(owner.name)
        return found, TOP

    def touch(self, owner: Reference, at: str) -> None:  # noqa: ARG002 - the name that callers use
        if self.forbidden is not None:
            raise self.forbidden
        if self.lacks.get(owner.name, 1) is None:
            raise GoneError(owner.name)
        self.touched.append(owner.name)


class Scene(NamedTuple):
    """One replica, what is around it, and the clock."""

    controller: RefusalController
    room: Room
    controllers: Controllers
    exchange: Replica
    clock: Clock

    def refuse(self, name: str = "web-1", **fields: object) -> None:
        self.controller.take(refused(owner(name), self.clock.now, **fields))  # type: ignore[arg-type]  # fields of a row

    def look(self, seconds: float = 0.0) -> list[str]:
        """Let time pass, look, and return the controllers that are blocked."""
        self.clock.wait(seconds)
        self.controller.look()
        return [each.controller_name for each in self.controller.blocked()]


@pytest.fixture
def scene() -> Scene:
    clock, room, controllers = Clock(), Room(), Controllers()
    exchange = Replica(Object(), "r1", clock)
    found = {owner(name): TOP for name in ("web-1", "web-2")}
    made = RefusalController(
        room, controllers, exchange, Event(), top=found.get, clock=clock, wall_clock=lambda: 1_767_225_600.0
    )
    return Scene(made, room, controllers, exchange, clock)


def test_a_refusal_is_shown_and_published_by_the_next_look_with_its_top_owner(scene: Scene) -> None:
    scene.refuse()
    assert scene.look() == ["web-1"]
    (denial,) = scene.controller.denials()
    (shown,) = scene.controller.blocked()
    assert (denial.top_owner_kind, denial.top_owner_name) == ("Deployment", "web")
    assert (shown.kind, shown.name, shown.controller_name, shown.missing) == ("Deployment", "web", "web-1", 1)
    assert set(scene.exchange.object.data) == {"r1"}
    assert scene.controller.blocked_count() == 1


def test_what_only_is_a_denial_blocks_nobody(scene: Scene) -> None:
    scene.refuse(dry_run=True)
    scene.refuse("web-2", decision="audit", mode="audit")
    assert scene.look() == []
    assert len(scene.controller.denials()) == 2


def test_what_another_replica_refused_is_shown_too_and_counted_once(scene: Scene) -> None:
    scene.exchange.object.data = {
        "r2": written(Publication(denials=(row("x"),), blocked=(blocked(), blocked("web-2"))))
    }
    scene.exchange.watches()
    scene.refuse()
    assert set(scene.look()) == {"web-1", "web-2"}
    assert scene.controller.blocked_count() == 2
    assert [each.count for each in scene.controller.blocked() if each.controller_name == "web-1"] == [2]


def test_the_revision_changes_with_the_rows_and_with_what_is_missing(scene: Scene) -> None:
    before = scene.controller.revision
    scene.refuse()
    scene.look()
    first = scene.controller.revision
    assert first != before
    assert scene.controller.revision == first
    scene.room.free = 0.5
    assert scene.controller.revision != first


def test_an_owner_leaves_when_it_has_its_pods_or_is_gone(scene: Scene) -> None:
    scene.refuse("web-1")
    scene.refuse("web-2")
    assert scene.look() == ["web-1", "web-2"]
    scene.controllers.lacks = {"web-1": Shortage(0), "web-2": None}
    assert scene.look(SOON) == ["web-1", "web-2"], "none would fit: they are read seldom"
    assert scene.look(EVERY) == []


def test_while_one_would_fit_the_controller_is_read_soon(scene: Scene) -> None:
    scene.refuse()
    scene.room.free = 4
    scene.look()
    scene.controllers.lacks = {"web-1": Shortage(0)}
    assert scene.look(SETTLED) == []


def test_a_made_up_owner_is_gone_by_the_first_read(scene: Scene) -> None:
    scene.controllers.lacks = {"ghost": None}
    scene.refuse("ghost")
    assert scene.look() == []
    assert len(scene.controller.denials()) == 1


def test_a_pod_without_a_controller_leaves_when_it_is_there(scene: Scene) -> None:
    scene.controller.take(refused(owner("lonely", kind="Pod")))
    assert scene.look() == ["lonely"]
    assert scene.controllers.reads == []
    scene.room.pods.add("default/lonely")
    assert scene.look(1.0) == []


def test_controllers_are_read_a_few_at_a_time(scene: Scene) -> None:
    for number in range(100):
        scene.refuse(f"web-{number}")
    scene.look()
    assert len(scene.controllers.reads) == refusals._BURST
    for _ in range(40):
        scene.look(0.5)
    assert len(scene.controllers.reads) <= refusals._BURST + 20 * refusals._READS
    assert len(set(scene.controllers.reads)) == 100


def test_a_failed_read_is_followed_by_a_pause_and_says_nothing_of_the_owner(scene: Scene) -> None:
    scene.refuse()
    scene.controllers.error = Unreachable("down")
    assert scene.look() == ["web-1"]
    scene.room.free = 4
    for _ in range(4):
        assert scene.look(1.0) == ["web-1"]
    assert len(scene.controllers.reads) == 1


def test_a_storm_of_refusals_is_bounded_and_what_is_lost_is_counted(scene: Scene) -> None:
    for number in range(refusals._QUEUE + 10):
        scene.refuse(f"web-{number}")
    assert scene.controller.dropped == 10
    scene.look()
    assert len(scene.controller.blocked()) <= 625
    assert scene.controller.forgotten >= refusals._QUEUE - 625


def test_what_a_replica_that_has_ended_showed_is_taken_over(scene: Scene) -> None:
    shown = Publication(denials=(row("x", user="me"),), blocked=(blocked("web-2"),))
    scene.exchange.object.data = {"dead": written(shown)}
    scene.exchange.watches()
    assert scene.look() == ["web-2"]
    scene.controllers.lacks = {"web-2": Shortage(5)}
    assert scene.look(SILENT) == ["web-2"]
    assert set(scene.exchange.object.data) == {"r1"}
    assert [each.missing for each in scene.controller.blocked()] == [5], "it is read now"
    assert [each.user for each in scene.controller.denials()] == ["me"]


def nudging(scene: Scene) -> Scene:
    scene.room.nudging = scene.room.first = True
    return scene


def test_owners_are_touched_in_order_when_room_comes_back(scene: Scene) -> None:
    nudging(scene).refuse("web-2")
    scene.clock.wait(1)
    scene.refuse("web-1")
    scene.look()
    assert scene.controllers.touched == []
    scene.room.free = 4
    scene.look()
    scene.look(0.5)
    assert scene.controllers.touched == ["web-2", "web-1"]
    assert scene.controller.nudged == 2


@pytest.mark.parametrize("setting", ["nudging", "first"])
def test_nobody_is_touched_without_the_setting_or_by_another_replica(scene: Scene, setting: str) -> None:
    setattr(nudging(scene).room, setting, False)
    scene.room.free = 4
    scene.refuse()
    scene.look()
    assert scene.controllers.touched == []


def test_what_another_replica_refused_is_touched_too(scene: Scene) -> None:
    nudging(scene).room.free = 4
    scene.exchange.object.data = {"r2": written(Publication(blocked=(blocked("web-2"),)))}
    scene.exchange.watches()
    scene.look()
    assert scene.controllers.touched == ["web-2"]


def test_a_touch_that_is_forbidden_is_logged_once_with_what_is_missing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    nudging(scene).refuse()
    scene.look()
    scene.room.free = 4
    scene.controllers.forbidden = ApiError(403, "Forbidden", "cannot patch replicasets")
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            scene.look(refusals._PAUSE)
    (said,) = [record.getMessage() for record in caplog.records if "touched" in record.getMessage()]
    assert "manifests/components/nudge" in said
    assert scene.controller.nudged == 0


def test_an_owner_that_is_gone_when_it_is_to_be_touched_leaves(scene: Scene) -> None:
    nudging(scene).refuse()
    scene.look()
    scene.room.free, scene.controllers.lacks = 4, {"web-1": None}
    scene.look()
    assert scene.look(0.5) == []


def test_the_loop_survives_anything_and_ends_when_it_is_stopped(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def look(_: RefusalController) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            scene.controller._stop.set()
        raise RuntimeError("odd")

    monkeypatch.setattr(refusals, "_EVERY", 0.001)
    monkeypatch.setattr(RefusalController, "look", look)
    scene.controller.run()
    assert looks == 2
    assert "could not be taken in" in caplog.text
