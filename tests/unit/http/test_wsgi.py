"""WSGI: an application sees all of a request as PEP 3333 says, and its whole response comes back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, request
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request as WerkzeugRequest

from webhook.http.messages import Request
from webhook.http.wsgi import Origin, call, environ

PLAIN, SECURE = Origin("127.0.0.1", 8080, secure=False), Origin("10.0.0.1", 8443, secure=True)


def asking(
    path: bytes = b"/x", method: bytes = b"GET", query: bytes = b"", body: bytes = b"", **fields: bytes
) -> Request:
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return Request(method, path, query, named, body)


@pytest.fixture
def app() -> Flask:
    made = Flask("echo", static_folder=None)

    @made.route("/x", methods=["GET", "POST"])
    def echo() -> Response:
        return Response(request.get_data(), headers={"X-Seen": request.headers.get("X-Odd", "-")})

    return made


def test_the_environ_has_all_of_a_request() -> None:
    found = environ(
        asking(b"/a%20b", b"POST", b"x=1&y=%20", b"body", content_type=b"text/x", host=b"h", x_odd=b"1,2"), SECURE
    )
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "x=1&y=%20",
        "SERVER_NAME": "10.0.0.1",
        "SERVER_PORT": "8443",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "h",
        "HTTP_X_ODD": "1,2",
        "wsgi.url_scheme": "https",
    }
    assert {key: found[key] for key in expected} == expected
    assert found["wsgi.input"].read() == b"body"
    assert environ(asking(), PLAIN)["wsgi.url_scheme"] == "http"


def test_each_character_of_the_environ_stands_for_one_byte() -> None:
    found = environ(asking(b"/%C3%A4", x_odd="ü".encode()), PLAIN)
    assert found["PATH_INFO"].encode("latin-1") == "/ä".encode()
    assert found["HTTP_X_ODD"].encode("latin-1") == "ü".encode()
    assert WerkzeugRequest(found).path == "/ä"


def test_type_and_length_of_the_body_have_names_of_their_own() -> None:
    found = environ(asking(body=b"body", content_type=b"text/x", content_length=b"99"), PLAIN)
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & found.keys()
    assert found["CONTENT_LENGTH"] == "4", "what was read, whatever the peer announced"


def test_a_name_with_an_underscore_stands_for_no_other(app: Flask) -> None:
    forged = Request(b"GET", b"/x", b"", {b"x_odd": b"forged"}, b"")
    assert "HTTP_X_ODD" not in environ(forged, PLAIN)
    assert ("X-Seen", "-") in call(app, forged, PLAIN).others


def test_the_response_comes_back_without_its_length_which_the_encoder_adds(app: Flask) -> None:
    answer = call(app, asking(method=b"POST", body=b"one two", x_odd=b"yes"), PLAIN)
    assert (answer.status, answer.body, answer.to_head) == (200, b"one two", False)
    assert ("X-Seen", "yes") in answer.others
    assert "content-length" not in {name.lower() for name, _ in answer.others}
    assert (answer.content_type, answer.retry_after) == ("", None), "both are among the others"


def test_a_body_in_chunks_is_read_although_its_length_was_not_announced(app: Flask) -> None:
    assert call(app, asking(method=b"POST", body=b"one two", transfer_encoding=b"chunked"), PLAIN).body == b"one two"


def test_the_answer_to_head_has_no_body_and_the_length_of_the_answer_to_get(app: Flask) -> None:
    @app.get("/page")
    def page() -> str:
        return "x" * 12

    answer = call(app, asking(b"/page", b"HEAD"), PLAIN)
    assert (answer.status, answer.body, answer.to_head) == (200, b"", True)
    assert ("Content-Length", "12") in answer.others


def test_an_answer_that_is_generated_is_read_and_closed(app: Flask) -> None:
    closed = []

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[bytes]:
            yield b"one "
            yield b"two"

        answer = Response(parts())
        answer.call_on_close(lambda: closed.append(True))
        return answer

    assert call(app, asking(b"/stream"), PLAIN).body == b"one two"
    assert closed == [True]


class Chunks:
    """An answer that fails half-way, and notes whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"one "
        raise OSError("broken on purpose")

    def close(self) -> None:
        self.closed = True


def test_an_answer_that_fails_half_way_is_closed_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = Chunks()

    def fail(_: dict[str, Any], start: Callable[[str, list[tuple[str, str]]], object]) -> Chunks:
        start("200 OK", [])
        return chunks

    monkeypatch.setattr(app, "wsgi_app", fail)
    with pytest.raises(OSError, match="broken on purpose"):
        call(app, asking(), PLAIN)
    assert chunks.closed


def test_it_answers_as_werkzeugs_own_client_does(app: Flask) -> None:
    asked = asking(b"/nothing", query=b"a=b")
    body, line, headers = run_wsgi_app(app, environ(asked, PLAIN))
    answer = call(app, asked, PLAIN)
    assert (answer.status, answer.body) == (int(line.split()[0]), b"".join(body))
    assert [each for each in headers if each[0].lower() != "content-length"] == list(answer.others)
