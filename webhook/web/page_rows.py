"""What the page shows, taken from the sources of the REST API."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import yaml

from webhook.core.forecast.questions import QuestionError, SimulateQuestion, simulate_answer
from webhook.core.forecast.simulated_text import simulated
from webhook.core.reporting.check_view import CheckView
from webhook.core.reporting.page_query import Query
from webhook.core.reporting.report import Report as Account
from webhook.core.reporting.rows import GroupRow, PodRow
from webhook.core.reporting.view import NOTHING_TRIED, Shown, Tried
from webhook.web.page_check import Asked, checked
from webhook.web.sources import Report, Sources


class PageRows:
    """The rows of the page, all of one report; any thread may call."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def version(self) -> tuple[object, Hashable]:
        """Return the newest report, and a number that changes with each refusal."""
        refusals = self._sources.refusals
        return self._sources.reports.latest(), None if refusals is None else refusals.revision

    def shown(self, query: Query) -> Shown:
        """Return the rows at this moment."""
        report, refusals = self._sources.reports.latest(), self._sources.refusals
        return Shown(
            report.commitment(),
            tuple(report.nodes()),
            _holders(report, query),
            tuple(refusals.blocked()) if refusals else (),
            tuple(refusals.denials()) if refusals else (),
            _tried(self._sources.account, query) if query.asks_what_if else NOTHING_TRIED,
        )

    def checked(self, asked: Asked) -> CheckView:
        """Return which pods of manifests would be admitted."""
        return checked(self._sources.account, asked)


def _tried(latest: Callable[[], Account] | None, query: Query) -> Tried:
    """Try what the query says, by the code that answers `simulate`."""
    if latest is None:
        return Tried(None, ("Nothing can be tried here.",))
    try:
        answer = simulate_answer(latest(), SimulateQuestion(_written(query), query.lost))
    except QuestionError as error:
        return Tried(None, (f"{error}.",))
    return Tried(answer.after, tuple(simulated(answer)), _settings(query))


def _written(query: Query) -> dict[str, str]:
    """Return the settings as the configuration writes them: a form without scripts sends only the number."""
    return {path: f"{value}%" if value.isdecimal() else value for path, value in query.tried}


def _settings(query: Query) -> str:
    """Return the settings that were tried, as lines of the configuration."""
    tree: dict[str, Any] = {}
    for path, value in _written(query).items():
        at, (*groups, last) = tree, path.split(".")
        for group in groups:
            at = at.setdefault(group, {})
        at[last] = value
    return yaml.safe_dump(tree, sort_keys=False).rstrip() if tree else ""


def _holders(report: Report, query: Query) -> Sequence[GroupRow | PodRow]:
    if query.by == "pod":
        found = report.pods(query.ns)
        return found[: len(found)]
    groups: Iterable[GroupRow] = report.workloads() if query.by == "workload" else report.namespaces()
    return tuple(group for group in groups if not query.ns or query.by == "namespace" or group.namespace == query.ns)
