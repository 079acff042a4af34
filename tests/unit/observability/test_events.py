"""Announcing: what is refused is told on the owner, soon, seldom and without anybody waiting for it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.accounts import node
from tests.support.booking_replicas import until
from tests.support.fake_events import FakeEvents
from tests.support.replica import Clock, Judge, ready, response, review
from tests.unit.core.quotas.making import a_quota
from webhook.admission.decision_record import DecisionRecord
from webhook.core.events.aggregator import BURST, INTERVAL, RATE, Occurrence
from webhook.http.messages import Response
from webhook.kube.client import Api
from webhook.observability.events import EventRecorder, edited, refused
from webhook.state.configuration import Edit

WALL = 1_767_268_800.0
REPLICA_SET = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "uid-web-1", "controller": True}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-web", "controller": True}


def asked(name: str = "web-1-x", memory: str = "9Gi", owner: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """A review of a pod in namespace shop that a ReplicaSet made."""
    request = json.loads(review(name, memory, namespace="shop"))["request"]
    request["object"]["metadata"] |= {"namespace": "shop", "ownerReferences": [owner or REPLICA_SET]}
    return review(name, memory, **({"namespace": "shop", "object": request["object"]} | changes))


def decision(judge: Judge, body: bytes) -> DecisionRecord:
    response(judge.ask(body, 1.0))
    return judge.decided[-1]


class Told:
    """An announcing whose clock is turned by hand."""

    def __init__(self, server: FakeEvents) -> None:
        self.server, self.clock, self.stop = server, Clock(), threading.Event()
        wall = WALL - self.clock()
        api = Api(Configuration(host=server.url))
        self.announcing = EventRecorder(api, "r1", self.stop, self.clock, lambda: wall + self.clock())
        self.judge = ready()
        server.own("replicasets", "web-1", DEPLOYMENT)

    def refuse(self, *bodies: bytes) -> None:
        for body in bodies or (asked(),):
            self.announcing.record(decision(self.judge, body))

    def own(self, name: str, uid: str) -> None:
        """Have a ReplicaSet of nobody's."""
        metadata = {"name": name, "uid": uid}
        self.server.shelf.put(f"/apis/apps/v1/namespaces/shop/replicasets/{name}", {"metadata": metadata})

    def look(self, wait: float = 0.0) -> list[dict[str, Any]]:
        """Let time pass and what is due be told; return what there is to see."""
        self.clock.wait(wait)
        self.announcing.tell_what_is_due()
        return self.server.shelf.events()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEvents]:
    for module in ("event_writer", "owners"):  # a busy machine may take longer than two seconds for a call
        monkeypatch.setattr(f"webhook.observability.{module}._TIMEOUT", 30.0)
    with FakeEvents() as server:
        yield server


@pytest.fixture
def told(server: FakeEvents) -> Told:
    return Told(server)


@contextmanager
def running(told: Told) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=told.announcing.run)
    thread.start()
    try:
        yield thread
    finally:
        told.stop.set()
        thread.join(30)
        assert not thread.is_alive()


# -- what is told ------------------------------------------------------------------------------------------------------


def test_a_refusal_is_told_on_the_deployment_with_its_figures(told: Told) -> None:
    told.refuse()
    (event,) = told.look()
    assert event["involvedObject"]["kind"] == "Deployment"
    assert event["involvedObject"]["uid"] == "uid-web"
    assert (event["type"], event["reason"], event["count"]) == ("Warning", "MemoryCommitmentExceeded", 1)
    assert event["message"].startswith("pod shop/web-1-x exceeds the cluster's memory headroom: it adds 9Gi of ")
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-01T12:00:00Z"
    assert told.announcing.written == 1


def test_a_storm_is_one_event_that_counts_with_the_newest_figures(told: Told) -> None:
    for number in range(2000):
        told.refuse(asked(f"web-1-{number}"))
        if number == 1000:
            told.look()
    (event,) = told.look(INTERVAL)
    assert event["count"] == 2000
    assert event["message"].startswith("pod shop/web-1-1999 ")
    assert (told.server.writes(), told.announcing.dropped) == (2, 0)


def test_two_replica_sets_of_a_deployment_count_in_one_event(told: Told) -> None:
    told.server.own("replicasets", "web-2", DEPLOYMENT)
    told.refuse(asked(), asked(owner=REPLICA_SET | {"name": "web-2", "uid": "uid-web-2"}))
    (event,) = told.look()
    assert event["count"] == 2


def test_an_account_that_cannot_tell_is_told_too(told: Told) -> None:
    told.judge = Judge()
    told.refuse()
    (event,) = told.look()
    assert event["reason"] == "AccountUnavailable"


def test_a_missing_limit_is_told(told: Told) -> None:
    told.judge = ready("missingLimits: deny")
    told.refuse(asked(memory="1Gi"))
    (event,) = told.look()
    assert event["reason"] == "MissingLimits"


def test_what_a_quota_says_is_told_as_the_cause_that_it_is(told: Told) -> None:
    told.judge.admission.quotas.relist([a_quota("q", {"limits.cpu": "4"}, namespace="shop")])
    told.refuse(asked(memory="1Gi"))
    (event,) = told.look()
    assert event["reason"] == "QuotaExceeded"
    assert event["message"] == "failed quota: q: must specify limits.cpu for: app"


@pytest.mark.parametrize("mode", ["mode: warn", "mode: audit", "exempt: {namespaces: [shop]}", "warnAt: 10%"])
def test_what_is_let_in_is_not_told(mode: str) -> None:
    judge = ready(mode)
    judge.admission.state.see_node(node("more", 100))
    judge.ask(asked())
    while not judge.decided:
        judge.book()
    assert judge.decided[-1].verdict.allowed
    assert refused(judge.decided[-1]) is None


@pytest.mark.parametrize(
    "body",
    [
        asked(dryRun=True),
        review(memory="9Gi"),
        asked(owner=REPLICA_SET | {"controller": False}),
        asked(owner=REPLICA_SET | {"name": "../.."}),
        asked(memory="twelve"),
        asked(kind={"group": "apps", "kind": "Deployment"}),
    ],
    ids=["dry-run", "bare-pod", "no-controller", "impossible-owner", "unreadable", "no-pod"],
)
def test_what_nobody_can_be_told_of_is_not(body: bytes) -> None:
    made = decision(ready(), body)
    assert not made.verdict.allowed
    assert refused(made) is None


@pytest.mark.parametrize(
    "owner",
    [
        REPLICA_SET | {"uid": "uid-of-another"},
        REPLICA_SET | {"name": "nobody"},
        REPLICA_SET | {"name": "vault", "uid": "uid-vault"},
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "any", "uid": "uid-any", "controller": True},
        {"apiVersion": "v1", "kind": "Secret", "name": "web-1", "uid": "uid-web-1", "controller": True},
    ],
    ids=["another-uid", "not-there", "of-another-namespace", "no-such-kind-is-read", "another-kind"],
)
def test_of_an_owner_that_the_api_server_does_not_know_nothing_is_told(told: Told, owner: dict[str, Any]) -> None:
    told.server.own("replicasets", "vault", None, namespace="bank")
    told.refuse(*(asked(f"forged-{number}", owner=owner) for number in range(5)))
    assert told.look() == told.look(INTERVAL) == []
    assert (told.announcing.written, told.announcing.dropped, told.server.writes()) == (0, 5, 0)
    told.refuse()
    assert len(told.look(INTERVAL)) == 1, "and a true one is told all the same"


def test_an_owner_that_cannot_be_read_is_asked_for_again(told: Told) -> None:
    told.server.refuse("list", 500)
    told.refuse()
    assert told.look() == []
    (event,) = told.look(INTERVAL)
    assert (event["involvedObject"]["kind"], told.announcing.dropped) == ("Deployment", 0)


def test_what_is_told_is_of_one_harmless_line_whatever_was_sent(told: Told) -> None:
    occurrence = refused(decision(told.judge, asked()))
    assert occurrence is not None
    assert occurrence.claimed
    assert occurrence.regarding.namespace == "shop"
    assert isinstance(told.judge.ask(asked("web\n\x1b[2J\u202e")), Response)
    assert told.judge.decided[-1].case.request.name == "web-1-x", "no such review was decided"


def test_an_edit_of_the_configuration_is_told_on_the_configmap(told: Told) -> None:
    told.announcing.announce(edited(Edit("uid-1", good=False, text="it is bad"), "headroom-system"))
    told.announcing.announce(edited(Edit("uid-1", good=True, text="it is good"), "headroom-system"))
    bad, good = told.look()
    assert bad["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "namespace": "headroom-system",
        "name": "headroom-config",
        "uid": "uid-1",
    }
    assert (bad["type"], bad["reason"], bad["message"]) == ("Warning", "ConfigurationRefused", "it is bad")
    assert (good["type"], good["reason"], good["message"]) == ("Normal", "ConfigurationApplied", "it is good")


# -- never a flood -----------------------------------------------------------------------------------------------------


def test_a_storm_of_many_owners_is_told_bit_by_bit_and_in_full(told: Told) -> None:
    for number in range(200):
        name = f"many-{number}"
        told.server.own("replicasets", name, None)
        told.refuse(asked(owner=REPLICA_SET | {"name": name, "uid": f"uid-{name}"}))
    seen = [len(told.look(wait)) for wait in (0.0, 1.0, 1.0)]
    assert seen == [BURST, BURST + RATE, BURST + 2 * RATE]
    for _ in range(100):
        told.look(1.0)
    assert len(told.look()) == 200
    assert told.server.writes() == told.announcing.written == 200


def test_what_finds_no_room_is_counted(told: Told) -> None:
    made = decision(told.judge, asked())
    occurrence = refused(made)
    assert occurrence is not None
    for number in range(300):
        about = occurrence.regarding._replace(uid=f"uid-{number}")
        told.announcing.announce(Occurrence(about, "Warning", "Full", "CreatePod", ""))
    assert told.announcing.dropped == 50


# -- when it goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 422])
def test_a_refusal_of_the_api_server_is_one_line_and_no_more(
    told: Told, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    told.server.refuse("POST", status, times=99)
    for number in range(20):
        told.own(f"a-{number}", f"u-{number}")
        told.refuse(asked(owner=REPLICA_SET | {"name": f"a-{number}", "uid": f"u-{number}"}))
    assert told.look() == []
    assert told.look(100.0) == []
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"Events cannot be written; more of this kind is counted and not logged: {status}")
    assert (told.announcing.written, told.announcing.dropped, told.server.count("POST")) == (0, 20, 20)


def test_another_fault_is_another_line_and_the_same_one_again_after_an_hour(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    for status in (403, 422, 403):
        told.server.refuse("POST", status)
        told.refuse()
        told.look(INTERVAL)
    assert len(caplog.records) == 2
    told.server.refuse("POST", 403)
    told.refuse()
    told.look(3600.0)
    assert len(caplog.records) == 3


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_what_may_pass_is_tried_again(told: Told, status: int) -> None:
    told.server.refuse("POST", status, times=3 if status == 409 else 1)
    told.refuse()
    assert told.look() == []
    told.refuse()
    (event,) = told.look(INTERVAL)
    assert (event["count"], told.announcing.dropped) == (2, 0)


@pytest.mark.parametrize(("asked_for", "pause"), [("3", 3.0), ("600", 10.0)])
def test_no_other_is_tried_before_a_busy_server_wants_one(told: Told, asked_for: str, pause: float) -> None:
    told.server.refuse("POST", 429, retry_after=asked_for)
    told.server.own("replicasets", "shop-1", DEPLOYMENT | {"name": "shop", "uid": "uid-shop"})
    told.refuse(asked(), asked(owner=REPLICA_SET | {"name": "shop-1", "uid": "uid-shop-1"}))
    assert told.look() == []
    assert told.server.count("POST") == 1
    assert told.look(pause - 0.1) == []
    assert told.server.count("POST") == 1
    assert len(told.look(INTERVAL)) == 2
    assert told.announcing.dropped == 0


def test_it_is_given_up_in_the_end(told: Told) -> None:
    told.server.refuse("POST", 500, times=99)
    told.refuse(asked(), asked())
    for _ in range(10):
        told.look(INTERVAL)
    assert (told.server.count("POST"), told.announcing.dropped) == (3, 2)


@pytest.mark.parametrize("status", [404, 409])
def test_a_conflict_or_a_namespace_that_is_gone_is_no_line(
    told: Told, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    told.server.refuse("POST", status, times=99)
    told.refuse()
    for _ in range(5):
        told.look(INTERVAL)
    assert caplog.records == []
    assert told.announcing.dropped == 1


def test_a_namespace_that_is_being_deleted_is_no_line_and_hides_none(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    causes = [{"reason": "NamespaceTerminating", "message": "shop is being terminated"}]
    status = {"code": 403, "reason": "Forbidden", "message": "no", "details": {"causes": causes}}
    told.server.reply("POST", json.dumps(status).encode(), status=403)
    told.refuse()
    told.look()
    assert (caplog.records, told.announcing.dropped) == ([], 1)
    told.server.refuse("POST", 403)
    told.refuse()
    told.look(INTERVAL)
    assert len(caplog.records) == 1


def test_an_api_server_that_is_away_is_waited_for(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    told.server.down()
    told.refuse()
    told.look()
    told.look(INTERVAL)
    told.server.up()
    (event,) = told.look(INTERVAL)
    assert event["count"] == 1
    assert len(caplog.records) == 1


# -- the thread --------------------------------------------------------------------------------------------------------


def test_it_writes_by_itself(told: Told) -> None:
    with running(told):
        told.refuse()
        until(lambda: bool(told.server.shelf.events()))


def test_a_review_never_waits_for_a_write(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.observability.owners._TIMEOUT", 60.0)
    told.server.hang("list", 99)
    made = decision(told.judge, asked())
    with running(told):
        told.announcing.record(made)
        until(lambda: bool(told.server.calls))
        began = time.monotonic()
        for _ in range(1000):
            told.announcing.record(made)
        assert time.monotonic() - began < 20, "and not the minute that the call is given"
        told.stop.set()
        told.server.down()


def test_an_unforeseen_error_does_not_end_it(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    with running(told):
        with patch.object(told.announcing._events, "write", side_effect=RuntimeError("unforeseen")):
            told.refuse()
            until(lambda: "Events could not be written" in caplog.text)
        told.own("web-2", "uid-web-2")
        told.refuse(asked(owner=REPLICA_SET | {"name": "web-2", "uid": "uid-web-2"}))
        until(lambda: bool(told.server.shelf.events()))


def test_it_ends_at_once_with_much_left_to_do(told: Told) -> None:
    slow = told.server.late("list", 0.5)
    slow.times = 999
    told.server.faults.append(slow)
    for number in range(200):
        told.own(f"a-{number}", f"u-{number}")
        told.refuse(asked(owner=REPLICA_SET | {"name": f"a-{number}", "uid": f"u-{number}"}))
    with running(told) as thread:
        until(lambda: bool(told.server.shelf.events()))
        told.stop.set()
        thread.join(10)
        assert not thread.is_alive(), "all 200 of them would take 100 s"
