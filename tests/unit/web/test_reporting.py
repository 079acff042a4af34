"""What the reporting address says of the reviews, which another event loop answers."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from tests.support.http import FakeServer, Said
from tests.support.replica import Clock
from tests.support.reports import sources
from webhook.http.pulse import Pulse
from webhook.web.reporting import reporting


class Reviews:
    """The loop of reviews as the reporting address sees it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pulse = Pulse(self.clock)
        self.problem: str | None = None

    def ask(self, path: str) -> Said:
        async def run() -> Said:
            handler = reporting(sources(), CollectorRegistry(), lambda: self.problem, self.pulse)
            with FakeServer(handler).connect(secure=False) as client:
                client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                return await client.receive()

        return asyncio.run(run())


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_replica_that_starts_or_stops_is_not_said_to_serve(path: str) -> None:
    reviews = Reviews()
    assert (reviews.ask(path).status, reviews.ask(path).body) == (
        503,
        b"reviews are not served now: the replica starts or stops\n",
    )
    reviews.pulse.beat()
    assert reviews.ask(path).body == b"ok\n"
    reviews.pulse.end()
    assert reviews.ask(path).status == 503


def test_a_loop_that_stands_still_is_not_ready_and_in_the_end_not_alive() -> None:
    reviews = Reviews()
    reviews.pulse.beat()
    reviews.clock.wait(2.0)
    assert [reviews.ask(path).status for path in ("/readyz", "/healthz")] == [200, 200]
    reviews.clock.wait(1.0)
    assert reviews.ask("/readyz").body == b"reviews have not been served for 3 s: the event loop stands still\n"
    assert reviews.ask("/healthz").status == 200
    reviews.clock.wait(28.0)
    assert reviews.ask("/healthz").status == 503


def test_readiness_says_what_the_reviews_say() -> None:
    reviews = Reviews()
    reviews.pulse.beat()
    reviews.problem = "this replica holds no valid share of the headroom"
    assert reviews.ask("/readyz").body == b"this replica holds no valid share of the headroom\n"
    assert reviews.ask("/healthz").status == 200
