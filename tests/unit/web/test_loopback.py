"""A page on one's own machine answers its own browser, and no page of another site."""

from typing import Any

import pytest

from webhook.http.messages import Request, Response, plain
from webhook.http.wsgi import Origin
from webhook.web.loopback import Loopback

HERE = Origin("127.0.0.1", 4242, secure=False)


class _Handler:
    probes = frozenset({b"/healthz"})

    def handle(self, request: Request, origin: Origin) -> Response:
        del origin
        return plain(200, request.path.decode())

    def is_review(self, _: Request) -> bool:
        return False


def asked(method: bytes = b"GET", port: int = 4242, **fields: str) -> int:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
    answer: Any = Loopback(_Handler(), port).handle(Request(method, b"/ui/", b"", named, b""), HERE)
    return int(answer.status)


@pytest.mark.parametrize("host", ["127.0.0.1:4242", "localhost:4242", "LocalHost:4242"])
def test_its_own_names_are_answered(host: str) -> None:
    assert asked(host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example:4242", "127.0.0.1", "127.0.0.1:80", "localhost:4242.evil.example", "localhost.:4242", ""]
)
def test_another_name_that_leads_here_is_not(host: str) -> None:
    assert asked(host=host) == 403


def test_a_request_without_a_name_is_not() -> None:
    assert asked() == 403


def test_the_usual_port_may_be_left_out() -> None:
    assert asked(port=80, host="localhost") == 200


def test_a_page_of_another_site_may_link_here_and_ask_nothing() -> None:
    assert asked(host="localhost:4242", sec_fetch_site="cross-site") == 200
    assert asked(b"POST", host="localhost:4242", sec_fetch_site="cross-site") == 403
    assert asked(b"POST", host="localhost:4242", sec_fetch_site="same-origin") == 200
    assert asked(b"POST", host="localhost:4242") == 200


def test_what_else_a_server_asks_is_asked_of_the_handler() -> None:
    guarded = Loopback(_Handler(), 4242)
    assert guarded.probes == {b"/healthz"}
    assert not guarded.is_review(Request(b"POST", b"/validate", b"", {}, b""))
