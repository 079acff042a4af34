"""What the page shows, taken from the sources of the REST API."""

from collections.abc import Iterable, Sequence

from webhook.core.reporting.rows import GroupRow, PodRow
from webhook.core.reporting.view import Query, Shown
from webhook.web.sources import Report, Sources


class PageRows:
    """The rows of the page, all of one report; any thread may call."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def shown(self, query: Query) -> Shown:
        """Return the rows at this moment."""
        report, refusals = self._sources.reports.latest(), self._sources.refusals
        return Shown(
            report.commitment(),
            tuple(report.nodes()),
            _holders(report, query),
            tuple(refusals.blocked()) if refusals else (),
            tuple(refusals.denials()) if refusals else (),
        )


def _holders(report: Report, query: Query) -> Sequence[GroupRow | PodRow]:
    if query.by == "pod":
        found = report.pods(query.ns)
        return found[: len(found)]
    groups: Iterable[GroupRow] = report.workloads() if query.by == "workload" else report.namespaces()
    return tuple(group for group in groups if not query.ns or query.by == "namespace" or group.namespace == query.ns)
