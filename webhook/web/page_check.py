"""The box for manifests on the page: would they fit? Asked by a form, answered by the code of `headroom check`."""

from collections.abc import Callable
from typing import Final, NamedTuple

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from webhook.core.forecast.questions import CheckQuestion, QuestionError, check_answer
from webhook.core.reporting.check_view import CheckView, check_view, uncheckable
from webhook.core.reporting.report import Report
from webhook.web.questions import LONGEST

_NAMESPACE: Final = "default"
_LONGEST_NAME: Final = 63  # characters of a namespace
_ENCODED: Final = 3  # bytes that a form takes for one, at most
_TOO_LONG: Final = (
    f"these are more than {LONGEST >> 10} KiB: check fewer objects at once, or use kubectl headroom check"
)


class Asked(NamedTuple):
    """What somebody wrote into the box; `fault` says why it cannot be taken."""

    manifests: str = ""
    namespace: str = _NAMESPACE
    fault: str | None = None


def asked(request: Request) -> Asked:
    """Read the form."""
    request.max_form_memory_size = request.max_content_length = _ENCODED * LONGEST + 1000
    try:
        manifests, namespace = request.form.get("manifests", ""), request.form.get("namespace", "").strip()
    except RequestEntityTooLarge:
        return Asked(fault=_TOO_LONG)
    fault = _TOO_LONG if len(manifests.encode(errors="replace")) > LONGEST else None
    return Asked(manifests if fault is None else "", namespace[:_LONGEST_NAME] or _NAMESPACE, fault)


def checked(latest: Callable[[], Report] | None, asked_for: Asked) -> CheckView:
    """Say which pods would be admitted."""
    if asked_for.fault is not None or latest is None:
        return uncheckable(asked_for.fault or "nothing can be checked here")
    report = latest()
    problem = report.commitment().problem
    if problem is not None and not report.revision:
        return uncheckable(f"there is no account yet: {problem}")
    try:
        answer = check_answer(report, CheckQuestion(asked_for.manifests, asked_for.namespace))
    except QuestionError as error:
        return uncheckable(str(error))
    return check_view(answer.items, answer.skipped, answer.faults, fits=answer.fits)
