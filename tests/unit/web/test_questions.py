"""Questions by POST: what is answered, what is refused and how."""

from collections.abc import Iterator

import msgspec
import pytest
import urllib3

from tests.support import accounts
from tests.support.manifests import deployment
from tests.support.served import Account, served
from webhook.web.questions import LONGEST


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(Account(accounts.ledger("", accounts.node("n1")))) as address:
        yield address


def ask(url: str, name: str, body: bytes) -> tuple[int, str, dict[str, object]]:
    answer = urllib3.request("POST", f"{url}/api/v1/{name}", body=body, headers={"Content-Type": "application/json"})
    return answer.status, answer.headers["Content-Type"], msgspec.json.decode(answer.data)


def test_a_question_is_answered(url: str) -> None:
    status, kind, said = ask(url, "check", msgspec.json.encode({"manifests": deployment("a", 9, "1Gi")}))
    assert (status, kind, said["fits"]) == (200, "application/json", False)
    status, _, said = ask(url, "fit", msgspec.json.encode({"manifests": deployment("a", 1, "1Gi")}))
    assert (status, said["sets"]) == (200, 8)
    status, _, said = ask(url, "simulate", b'{"set": {"thresholds.memory.requests": "50%"}}')
    assert (status, said["over"]) == (200, [])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"manifests": 1}', b"\xff", b'{"x":' + b"[" * 20_000])
def test_what_is_no_question_is_a_problem(url: str, body: bytes) -> None:
    status, kind, said = ask(url, "check", body)
    assert (status, kind, said["status"]) == (400, "application/problem+json", 400)


def test_a_question_without_an_answer_says_why(url: str) -> None:
    status, _, said = ask(url, "simulate", b'{"withoutNodes": ["n9"]}')
    assert (status, said["detail"]) == (400, "there is no node n9: name nodes as kubectl get nodes shows them")


def test_one_that_is_too_long_is_refused(url: str) -> None:
    assert ask(url, "check", b" " * (LONGEST + 1))[0] == 413


def test_it_is_asked_by_post_alone(url: str) -> None:
    assert urllib3.request("GET", f"{url}/api/v1/check").status == 405
