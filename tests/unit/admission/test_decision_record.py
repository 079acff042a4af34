"""What goes back over HTTP."""

from webhook.http.messages import Response, plain


def test_a_plain_answer_is_one_line_of_text() -> None:
    assert plain(400, "no") == Response(400, b"no\n", "text/plain; charset=utf-8", None)


def test_a_plain_answer_may_say_when_to_ask_again() -> None:
    assert plain(503, "später", retry_after=1) == Response(503, "später\n".encode(), "text/plain; charset=utf-8", 1)
