"""Messages: how a response becomes bytes, and what a refusal for people looks like."""

from http import HTTPStatus

import pytest

from webhook.http.messages import LARGEST_BODY, LARGEST_EARLY, SMALL, Response, plain, too_large

DATE = b"Sat, 21 Nov 2026 12:00:00 GMT"


def test_the_bytes_of_a_response() -> None:
    assert Response(200, b"{}").encode(DATE, last=False) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )


def test_the_last_response_announces_the_end_of_the_connection() -> None:
    head, _, body = Response(200, b"{}").encode(DATE, last=True).partition(b"\r\n\r\n")
    assert b"Connection: close" in head.split(b"\r\n")
    assert body == b"{}"
    assert b"Connection" not in Response(200, b"{}").encode(DATE, last=False)


@pytest.mark.parametrize(
    ("status", "line"),
    [(503, b"HTTP/1.1 503 Service Unavailable"), (404, b"HTTP/1.1 404 Not Found"), (299, b"HTTP/1.1 299 ")],
)
def test_a_status_has_its_phrase_if_there_is_one(status: int, line: bytes) -> None:
    assert Response(status, b"").encode(DATE, last=False).split(b"\r\n")[0] == line


def test_every_phrase_is_the_one_of_the_standard() -> None:
    for status in HTTPStatus:
        line = Response(status.value, b"").encode(DATE, last=False).split(b"\r\n")[0]
        assert line.decode() == f"HTTP/1.1 {status.value} {status.phrase}"


def test_a_response_to_head_has_the_length_of_the_other_and_no_body() -> None:
    head = Response(200, b"", "text/plain", others=(("Content-Length", "12"),), to_head=True)
    sent = head.encode(DATE, last=False)
    assert sent.endswith(b"\r\n\r\n")
    assert sent.count(b"Content-Length: 12\r\n") == sent.count(b"Content-Length") == 1


def test_fields_say_the_type_and_when_to_ask_again_and_then_the_others() -> None:
    assert Response(200, b"", "text/plain", 1).fields() == [("Content-Type", "text/plain"), ("Retry-After", "1")]
    assert Response(200, b"").fields() == [("Content-Type", "application/json")]
    assert Response(200, b"", "", None, (("Allow", "GET"),)).fields() == [("Allow", "GET")]
    assert Response(503, b"", "", 0).fields() == [("Retry-After", "0")]


def test_two_responses_with_the_same_head_have_bodies_of_their_own() -> None:
    one, other = (Response(200, body).encode(DATE, last=False) for body in (b"one", b"twenty"))
    assert one.endswith(b"Content-Length: 3\r\n\r\none")
    assert other.endswith(b"Content-Length: 6\r\n\r\ntwenty")


def test_text_for_people_is_one_line_of_utf_8() -> None:
    answer = plain(503, "nöt yet", 1)
    assert (answer.status, answer.body, answer.retry_after) == (503, "nöt yet\n".encode(), 1)
    assert answer.content_type == "text/plain; charset=utf-8"


def test_the_largest_body_is_seven_mebibytes_and_the_refusal_says_so() -> None:
    assert LARGEST_BODY == 7 * 1024 * 1024
    assert SMALL < LARGEST_EARLY < LARGEST_BODY
    assert (too_large().status, too_large().body) == (413, b"the body is larger than 7 MiB\n")
