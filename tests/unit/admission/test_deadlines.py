"""How long a review may wait: it is answered before the API server gives up, whichever replicas it was led to."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.support.pool_reviews import POOLS
from tests.support.replica import BEGAN, Judge, review, waits
from tests.support.updates import update
from webhook.admission.pending import PendingReview
from webhook.http.messages import Response

TIMEOUT = 5.0  # of the webhook, as it is shipped
RETRY = 1.0  # what an answer says that sends back
RESIZE = {"operation": "UPDATE", "subResource": "resize"}


def resize(name: str = "web") -> bytes:
    """A review of a pod that wants to grow, and was created long ago."""
    body = json.loads(review(name, "2Gi", created=BEGAN - 1e6, **RESIZE))
    body["request"]["oldObject"] = json.loads(review(name, "1Gi"))["request"]["object"]
    body["request"]["oldObject"]["metadata"]["resourceVersion"] = "5"
    return json.dumps(body).encode()


def unable(judge: Judge) -> None:
    """Nobody has listed anything yet."""
    judge.configure()


def without_share(judge: Judge) -> None:
    """Everything is known, and no booking is written."""
    judge.configure()
    judge.sync()


def asked(judge: Judge, body: bytes) -> Response:
    """Ask a replica, and let the time pass for which it lets the API server wait."""
    said: Response | PendingReview = judge.ask(body, timeout=TIMEOUT)
    if isinstance(said, Response):
        return said
    waiting = waits(said)
    judge.clock.wait(judge.admission.patience(waiting))
    judge.admission.give_up(waiting)
    return waiting.answer.result(0)


def answered_after(judges: Iterator[Judge], body: bytes, clock: float) -> float:
    """Do as the API server does, and say how long it takes until it has an answer."""
    now = clock
    for judge in judges:
        judge.clock.now = now
        said = asked(judge, body)
        now = judge.clock.now
        if said.status == 200:
            return now - clock
        now += RETRY
    raise AssertionError("unreachable: there are always more replicas to ask")


@pytest.mark.parametrize("lacking", [unable, without_share])
@pytest.mark.parametrize("resizing", [False, True])
@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("begins", [0.0, 0.5, 0.99])
def test_every_review_is_answered_in_time_in_whatever_order_replicas_are_asked(
    lacking: object, *, resizing: bool, replicas: int, begins: float
) -> None:
    for seed in range(8):
        judges = [Judge(f"r{number}") for number in range(replicas)]
        for judge in judges:
            assert callable(lacking)
            lacking(judge)
        body = resize() if resizing else review(created=BEGAN)
        route = (judges[(seed >> turn) % replicas] for turn in itertools.count())
        assert answered_after(route, body, BEGAN + begins) <= TIMEOUT - 0.5


def test_a_pod_is_asked_about_again_for_as_long_as_there_is_time() -> None:
    judge = Judge()
    judges = itertools.repeat(judge)
    assert 3 <= answered_after(judges, review(created=BEGAN), BEGAN) <= TIMEOUT - 0.5


@pytest.mark.parametrize("apart", [-3600.0, -2.5, 7.0, 3600.0])
def test_where_the_clocks_are_apart_each_replica_sends_back_once_and_at_once(apart: float) -> None:
    judge = Judge()
    body = review(created=BEGAN - apart)
    assert asked(judge, body).status == 503
    judge.clock.wait(RETRY)
    assert asked(judge, body).status == 200


def test_a_time_that_nobody_can_read_is_none() -> None:
    judge = Judge()
    pod = json.loads(review())["request"]["object"]
    pod["metadata"]["creationTimestamp"] = "yesterday"
    body = review(object=pod)
    assert asked(judge, body).status == 503
    assert asked(judge, body).status == 200


def test_an_update_is_not_dated_by_when_its_pod_was_made() -> None:
    judge = Judge()
    judge.configure(POOLS)
    judge.clock.now = BEGAN + TIMEOUT - 0.1
    made = datetime.fromtimestamp(BEGAN, UTC).isoformat()
    body = update("p0", creationTimestamp=made)
    assert asked(judge, body).status == 503, "there is all the time to ask again"
    assert asked(judge, body).status == 200
