"""Reviews with a secret path in force: a caller that does not know it reserves nothing and learns nothing."""

import asyncio
import logging

import pytest

from certs.keyring import new_token
from tests.support.http import FakeServer, Request, Said, dispatcher
from tests.support.replica import Judge, ready, review
from webhook.http.messages import Response
from webhook.web.routes import CONFIGURATION, WORKLOADS, create_app
from webhook.web.secret_paths import SecretPaths

TOKEN, OTHER = new_token(), new_token()
BASES = ("/validate", "/workloads", "/config")


def meet(judge: Judge, *requests: Request) -> list[Said]:
    """Send requests over one connection each; return the answers."""
    others = dict.fromkeys((WORKLOADS, CONFIGURATION), lambda *_: Response(200, b"{}"))
    app = create_app(judge.admission, others)

    async def run() -> list[Said]:
        server = FakeServer(dispatcher(judge.admission, app, SecretPaths([TOKEN])))
        said = []
        for request in requests:
            with server.connect() as client:
                client.send(request.encode())
                said.append(await client.receive())
        return said

    return asyncio.run(run())


@pytest.mark.parametrize("base", BASES)
def test_a_review_with_the_token_is_answered(base: str) -> None:
    (said,) = meet(ready(), Request(target=f"{base}/{TOKEN}?timeout=5s", body=review()))
    assert said.status == 200


def test_a_forged_review_reserves_nothing_and_learns_nothing(caplog: pytest.LogCaptureFixture) -> None:
    judge = ready()
    targets = [f"{base}{rest}" for base in BASES for rest in ("", "/", f"/{OTHER}", f"/{TOKEN[:-1]}")]
    with caplog.at_level(logging.DEBUG):
        answers = meet(judge, *(Request(target=target, body=review("a", "99Gi")) for target in targets))
    assert {(each.status, each.body) for each in answers} == {(404, b"Not Found: no such path\n")}
    assert judge.decided == []
    assert judge.admission.state.readiness.unready() is None
    for secret in (OTHER, TOKEN[:-1]):
        assert secret not in caplog.text


def test_the_token_is_not_logged_where_something_goes_wrong(caplog: pytest.LogCaptureFixture) -> None:
    requests = [
        Request(method=method, target=f"{base}/{TOKEN}", body=b"{", content_type=kind)
        for base in BASES
        for method in ("POST", "PUT")
        for kind in ("application/json", "text/plain")
    ]
    with caplog.at_level(logging.DEBUG):
        answers = meet(ready(), *requests)
    assert {each.status for each in answers} <= {200, 400, 405, 415}
    assert TOKEN not in caplog.text
    assert not [each for each in answers if TOKEN.encode() in each.body]


def test_probes_need_no_token_and_nothing_else_is_served() -> None:
    health, readiness, pages = meet(ready(), *(Request("GET", path) for path in ("/healthz", "/readyz", "/metrics")))
    assert (health.status, readiness.status) == (200, 200)
    assert (pages.status, pages.body) == (404, b"Not Found: no such path\n")
