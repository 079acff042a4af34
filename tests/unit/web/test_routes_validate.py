"""Reviews at the door: one set of tests for both ways in, the short cut and the Flask view."""

import json
import threading
import time
from collections.abc import Callable

import pytest

from tests.support.http import JSON, Request, Said, Way, through_dispatcher, through_flask
from tests.support.replica import Judge, ready, review
from webhook.http.messages import LARGEST_BODY

TEXT = "text/plain; charset=utf-8"


@pytest.fixture(params=[through_dispatcher, through_flask])
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


def said(answer: Said) -> dict[str, object]:
    assert answer.status == 200
    assert answer.headers == {"content-type": JSON, "content-length": str(len(answer.body))}
    response: dict[str, object] = json.loads(answer.body)["response"]
    return response


def test_allow(way: Way) -> None:
    assert said(way(ready().admission, Request(body=review()))) == {"uid": "review-web", "allowed": True}


def test_deny(way: Way) -> None:
    assert said(way(ready().admission, Request(body=review(memory="9Gi"))))["allowed"] is False


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"not JSON", b'{"kind": "Pod"}', b"\xff", b"[" * 100_000])
def test_what_is_no_review_is_400(way: Way, body: bytes) -> None:
    answer = way(ready().admission, Request(body=body))
    assert answer.status == 400
    assert answer.headers["content-type"] == TEXT
    assert b"AdmissionReview" in answer.body
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_is_405(way: Way, method: str) -> None:
    answer = way(ready().admission, Request(method, body=review()))
    assert answer.status == 405
    assert answer.body == f"Method Not Allowed: {method} /validate\n".encode()
    assert answer.headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize("target", ["/validate/", "/", "/Validate", "/validatex"])
def test_another_path_is_404(way: Way, target: str) -> None:
    assert way(ready().admission, Request(target=target, body=review())).status == 404


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/jsonx", "application/yaml", "json"])
def test_another_content_type_is_415(way: Way, content_type: str) -> None:
    answer = way(ready().admission, Request(body=review(), content_type=content_type))
    assert answer.status == 415
    assert answer.body == b"send the AdmissionReview as application/json\n"


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", " application/json ;"])
def test_a_content_type_may_be_written_in_any_way(way: Way, content_type: str) -> None:
    assert said(way(ready().admission, Request(body=review(), content_type=content_type)))["allowed"]


def test_a_body_that_says_it_is_too_large_is_413(way: Way) -> None:
    answer = way(ready().admission, Request(body=b" " * (LARGEST_BODY + 1)))
    assert (answer.status, answer.body) == (413, b"the body is larger than 7 MiB\n")


def test_a_body_that_turns_out_too_large_is_413(way: Way) -> None:
    answer = way(ready().admission, Request(chunks=(b" " * LARGEST_BODY, b" ")))
    assert (answer.status, answer.body) == (413, b"the body is larger than 7 MiB\n")


def test_a_body_of_just_that_size_is_read(way: Way) -> None:
    body = review().ljust(LARGEST_BODY)
    assert said(way(ready().admission, Request(body=body)))["allowed"]


def test_a_body_in_pieces_is_read_whole(way: Way) -> None:
    body = review()
    pieces = tuple(body[at : at + 7] for at in range(0, len(body), 7))
    assert said(way(ready().admission, Request(chunks=pieces)))["allowed"]


def test_cannot_tell_is_503_and_to_be_asked_again_after_a_second(way: Way) -> None:
    answer = way(Judge().admission, Request(body=review()))
    assert answer.status == 503
    assert answer.headers == {"content-type": TEXT, "content-length": str(len(answer.body)), "retry-after": "1"}
    assert answer.body == b"the ConfigMap headroom-config has not been read yet\n"


@pytest.mark.parametrize(("query", "asked_again"), [("?timeout=1s", False), ("?timeout=1600ms", True), ("", True)])
def test_the_api_servers_own_time_limit_is_kept(way: Way, query: str, asked_again: bool) -> None:
    answer = way(Judge().admission, Request(target=f"/validate{query}", body=review()))
    assert (answer.status == 503) is asked_again


ODD = (
    *("timeout", "timeout=", "timeout=x", "timeout=-1s", "timeout=1e9s", "timeout=%00", "timeout=%ff", "timeout=99h"),
    *("timeout=5s&timeout=1s", "=&&;", "timeout=5", "timeout=1.5s", "timeout[]=1s", "Timeout=1s"),
)


@pytest.mark.parametrize("query", ODD)
def test_an_odd_time_limit_is_the_default_of_ten_seconds(way: Way, query: str) -> None:
    answer = way(Judge().admission, Request(target=f"/validate?{query}", body=review()))
    assert answer.status == 503


def test_who_waits_is_answered_when_the_booking_is_written(way: Way) -> None:
    judge = ready()
    timer = threading.Timer(0.1, judge.book)
    timer.start()
    assert said(way(judge.admission, Request(body=review(memory="8Gi"))))["allowed"]
    timer.join()


def test_who_waits_in_vain_is_answered_in_time_though_nobody_books(way: Way) -> None:
    judge = ready()
    began = time.monotonic()
    answer = said(way(judge.admission, Request(target="/validate?timeout=600ms", body=review(memory="8Gi"))))
    assert answer["allowed"] is False
    assert 0.1 <= time.monotonic() - began < 5, "not as late as where no time limit is given"


CASES: list[tuple[Callable[[], Judge], Request]] = [
    (ready, Request(body=review())),
    (ready, Request(body=review(memory="9Gi"))),
    (lambda: ready("mode: warn"), Request(body=review(memory="9Gi", dryRun=True))),
    (lambda: ready("warnAt: 10%"), Request(body=review(memory="2Gi"))),
    (lambda: ready("warnAt: 10%"), Request(body=review(memory="2Gi"))),
    (ready, Request(body=review(uid="ünïcode\u2028\n", name='"'))),
    (ready, Request(body=review(operation="DELETE"))),
    (ready, Request(body=review(kind={"kind": "Deployment"}))),
    (ready, Request(body=review(memory="twelve"))),
    (ready, Request(body=b"{}")),
    (ready, Request("GET")),
    (ready, Request("OPTIONS")),
    (ready, Request("HEAD")),
    (ready, Request(target="/nothing")),
    (ready, Request(body=review(), content_type="text/plain")),
    (ready, Request(chunks=(review(),))),
    (ready, Request(chunks=(b" " * (LARGEST_BODY + 1),))),
    (Judge, Request(body=review())),
    (Judge, Request(target="/validate?timeout=1s", body=review())),
    (ready, Request("GET", "/healthz")),
    (ready, Request("GET", "/readyz")),
    (Judge, Request("GET", "/readyz")),
]


@pytest.mark.parametrize(("judge", "request_"), CASES)
def test_both_ways_answer_with_the_same_bytes(judge: Callable[[], Judge], request_: Request) -> None:
    short, long = through_dispatcher(judge().admission, request_), through_flask(judge().admission, request_)
    assert short == long
