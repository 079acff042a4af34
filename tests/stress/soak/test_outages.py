"""A call that failed is explained only by something that was down at that time, and by the sign of it in its text."""

import pytest

from tests.stress.clients import NO_ANSWER, WEBHOOK, Told
from tests.stress.soak.outages import LOST, Down, Outage, cause, causes
from tests.stress.soak.samples import BROKEN

LATE = f'failed calling webhook "{WEBHOOK}": failed to call webhook: context deadline exceeded'
OTHER = f'failed calling webhook "{WEBHOOK}": x509: certificate signed by unknown authority'
UNKNOWN = "etcdserver: leader changed"


def failed(text: str, at: float = 15.0, took: float = 1.0) -> Told:
    return Told("failed 500", text, at, took)


def during(down: Down) -> list[Outage]:
    return [Outage(down, 10.0, 20.0)]


@pytest.mark.parametrize(
    ("text", "down", "expected"),
    [
        (BROKEN, Down.KILLED, Down.KILLED),
        (LATE, Down.KILLED, LOST),
        (OTHER, Down.KILLED, LOST),
        (LATE, Down.PAUSED, Down.PAUSED),
        (BROKEN, Down.PAUSED, LOST),
        (OTHER, Down.PAUSED, LOST),
        (LATE, Down.STILL, Down.STILL),
        (BROKEN, Down.STILL, LOST),
        (UNKNOWN, Down.API_SERVER, Down.API_SERVER),
        (BROKEN, Down.API_SERVER, Down.API_SERVER),
        (UNKNOWN, Down.KILLED, LOST),
    ],
)
def test_only_the_right_sign_is_explained(text: str, down: Down, expected: str) -> None:
    assert cause(failed(text), during(down)) == expected


@pytest.mark.parametrize(
    ("at", "took", "expected"),
    [(9.0, 1.0, LOST), (10.5, 5.0, Down.KILLED), (20.5, 1.0, Down.KILLED), (22.0, 1.0, LOST)],
)
def test_only_what_was_on_its_way_meanwhile_is_explained(at: float, took: float, expected: str) -> None:
    assert cause(failed(BROKEN, at, took), during(Down.KILLED)) == expected


def test_what_the_api_server_gives_up_itself_is_counted_apart_from_calls_of_the_webhook() -> None:
    assert cause(Told("failed 504", "Timeout: request did not complete", 15.0), []) == Down.OVERTAXED
    assert cause(Told("failed 504", LATE, 15.0), []) == LOST


def test_a_client_that_was_cut_off_by_a_healthy_api_server_is_lost() -> None:
    assert cause(Told(NO_ANSWER, "RemoteDisconnected", 15.0), during(Down.KILLED)) == LOST
    assert cause(Told(NO_ANSWER, "RemoteDisconnected", 15.0), during(Down.API_SERVER)) == Down.API_SERVER


def test_they_are_counted_by_cause() -> None:
    told = [failed(BROKEN), failed(BROKEN), failed(OTHER)]
    assert causes(told, during(Down.KILLED)) == {Down.KILLED: 2, LOST: 1}
