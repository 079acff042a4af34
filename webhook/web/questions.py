"""Questions that are sent to the REST API: would it fit, how many more fit, what if. Nothing is changed by them."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import flask
import msgspec
from flask import Flask, request
from msgspec import Struct

from webhook.core.forecast.questions import (
    CheckAnswer,
    CheckQuestion,
    FitAnswer,
    FitQuestion,
    QuestionError,
    SimulateAnswer,
    SimulateQuestion,
    check_answer,
    fit_answer,
    simulate_answer,
)
from webhook.core.reporting.report import Report
from webhook.http.messages import Response
from webhook.web.problems import problem

LONGEST: Final = 256 << 10  # bytes of a question with manifests
LONGEST_OF_ALL: Final = 2 << 20  # bytes of a question about workloads that grow: about 20,000 of them


class Question(NamedTuple):
    """One kind of question: its path below the API's, what is asked, what is answered, by which function; its size."""

    name: str
    summary: str
    asked: type[Struct]
    answered: type[Struct]
    answer: Callable[[Report, Any], Struct]
    longest: int = LONGEST


QUESTIONS: Final = (
    Question("check", "Which pods of manifests would be admitted", CheckQuestion, CheckAnswer, check_answer),
    Question("fit", "How many more pods like these fit", FitQuestion, FitAnswer, fit_answer),
    Question(
        "simulate", "What other thresholds, nodes or larger workloads would make of the account",
        SimulateQuestion, SimulateAnswer, simulate_answer, LONGEST_OF_ALL,
    ),
)  # fmt: skip


def add_questions(app: Flask, base: str, latest: Callable[[], Report]) -> None:
    """Add a POST route for each question; `latest` returns the account."""

    def ask(question: Question) -> flask.Response:
        said = _said(question, latest)
        return flask.Response(said.body, said.status, said.fields())

    for each in QUESTIONS:
        app.add_url_rule(f"{base}/{each.name}", each.name, partial(ask, each), methods=["POST"])


def _said(question: Question, latest: Callable[[], Report]) -> Response:
    if (request.content_length or 0) > question.longest:
        return problem(413, f"this question has at most {question.longest >> 10} KiB: ask about fewer objects at once")
    try:
        asked = msgspec.json.decode(request.get_data(), type=question.asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return problem(400, f"this is not a question in JSON as /openapi.json describes it: {error}")
    report = latest()
    if report.commitment().problem is not None and not report.revision:
        return problem(503, f"there is no account yet: {report.commitment().problem}", retry_after=1)
    try:
        return Response(200, msgspec.json.encode(question.answer(report, asked)))
    except QuestionError as error:
        return problem(400, str(error))
