"""Collections of the REST API: what can be listed, by what it is selected, and what makes a row unique."""

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from webhook.core.reporting import selector
from webhook.core.reporting.rows import BlockedRow, DenialRow, GroupRow, NodeRow, PodRow, Row, ScopeRow

LIMIT: Final = 500
MOST: Final = 5000
Test = Callable[[Any], bool]


class Parameter(NamedTuple):
    """One query parameter, as the documentation shows it."""

    name: str
    kind: Literal["string", "boolean", "integer"]
    description: str


class Filter(NamedTuple):
    """A parameter that selects rows: `test` returns the test of a row for a value; it raises ValueError."""

    parameter: Parameter
    test: Callable[[str], Test]


class Collection(NamedTuple):
    """What can be listed: the type of its rows, its filters, and the fields that make a row unique."""

    name: str
    summary: str
    row: type[Row]
    identity: tuple[str, ...]
    filters: tuple[Filter, ...]
    order: str = ""  # the field that it is sorted by unless asked otherwise; empty: by its identity
    required: tuple[Parameter, ...] = ()  # what it is made by

    def parameters(self) -> tuple[Parameter, ...]:
        """Return all parameters that it takes."""
        return (*self.required, *(each.parameter for each in self.filters), *_PAGING)


_PAGING = (
    Parameter("sortBy", "string", "Field to sort by, with - before it for descending order. Unknown values come last."),
    Parameter("limit", "integer", f"Most rows of a page, from 1 to {MOST}; {LIMIT} by default."),
    Parameter("continue", "string", "The token `metadata.continue` of the page before."),
)


def _equal(name: str, description: str, path: str | None = None) -> Filter:
    get = attrgetter(path or name)
    return Filter(Parameter(name, "string", description), lambda value: lambda row: get(row) == value)


def _flag(name: str, description: str, holds: Test) -> Filter:
    def test(text: str) -> Test:
        if text not in {"true", "false"}:
            raise ValueError(f"{text!r} is neither true nor false")
        return lambda row: holds(row) is (text == "true")

    return Filter(Parameter(name, "boolean", description), test)


def _labels(text: str) -> Test:
    fits = selector.parse(text)
    return lambda row: fits(row.labels)


def workload(text: str) -> tuple[str, str]:
    """Read KIND/NAME; raises ValueError."""
    kind, slash, name = text.partition("/")
    if not (kind and slash and name) or "/" in name:
        raise ValueError(f"{text!r} is not KIND/NAME: write for example Deployment/web")
    return kind, name


def _of_workload(text: str) -> Test:
    wanted = workload(text)
    return lambda row: (row.workload_kind, row.workload_name) == wanted


def _past(row: NodeRow) -> bool:
    return any(use.requests > use.allocatable or use.limits > use.allocatable for use in (row.memory, row.cpu))


def _over(row: ScopeRow) -> bool:
    lines = (row.memory.requests, row.memory.limits, row.cpu.requests, row.cpu.limits)
    return any(line.free is not None and line.free < 0 for line in lines)


_UNBOUNDED = _flag(
    "unbounded", "Only rows with containers without a memory limit (true) or without such (false).",
    lambda row: row.unbounded_containers > 0,
)  # fmt: skip
_NAMESPACE = _equal("namespace", "Only this namespace.")
_SCOPE = _equal("scope", "Only this scope: `cluster`, or the name of a pool.")
_POOL = _equal("pool", "Only this pool of nodes.")
_LABELS = Parameter("labelSelector", "string", f"Only nodes whose labels fit: {selector.EXAMPLES}.")
_WORKLOAD = Parameter("workload", "string", "Only pods of this workload, as KIND/NAME.")
COLLECTIONS: Final = {
    each.name: each
    for each in (
        Collection(
            "nodes", "Nodes: what they have, what their pods commit, and whether they count", NodeRow, ("name",),
            (
                _POOL, Filter(_LABELS, _labels),
                _flag("counted", "Only nodes that count (true) or do not (false).", lambda row: row.counted),
                _flag("over", "Only nodes with more requests or limits than is allocatable (true).", _past), _UNBOUNDED,
            ),
        ),
        Collection(
            "pools", "Pools of nodes, in the order of their names", ScopeRow, ("scope",),
            (_SCOPE, _flag("over", "Only scopes past a threshold (true) or within all (false).", _over)),
        ),
        Collection(
            "namespaces", "Namespaces and what their pods commit", GroupRow, ("name",),
            (_equal("name", "Only the namespace of this name."), _UNBOUNDED),
        ),
        Collection(
            "workloads", "Workloads (top owners) and what their pods commit", GroupRow, ("namespace", "kind", "name"),
            (
                _NAMESPACE, _equal("kind", "Only workloads of this kind, such as Deployment."),
                _equal("name", "Only workloads of this name."), _UNBOUNDED,
            ),
        ),
        Collection(
            "pods", "Live pods and what each commits", PodRow, ("namespace", "name", "uid"),
            (
                _NAMESPACE, _equal("node", "Only pods on this node."), _POOL, Filter(_WORKLOAD, _of_workload),
                _flag("counted", "Only pods that count (true) or do not (false).", lambda row: row.counted), _UNBOUNDED,
                _flag(
                    "unreviewed", "Only pods that nobody reviewed (true) or that were reviewed (false).",
                    lambda row: row.unreviewed is not None,
                ),
            ),
        ),
        Collection(
            "groups",
            "What the pods on the nodes with each value of a label commit, for example by zone",
            GroupRow,
            ("name",),
            (_UNBOUNDED,),
            required=(Parameter("label", "string", "The label of nodes, such as topology.kubernetes.io/zone."),),
        ),
        Collection(
            "denials", "Recent refusals, and in trial modes what would have been refused; the newest first", DenialRow,
            ("namespace", "name", "kind", "replica"),
            (_NAMESPACE, _SCOPE, _equal("reason", "Only refusals for this reason.")), "-ts",
        ),
        Collection(
            "blocked", "Owners whose pods were refused and who are still short of them", BlockedRow,
            ("namespace", "kind", "name"), (_NAMESPACE, _SCOPE),
        ),
    )
}  # fmt: skip


@cache
def sortable(row: type[Row]) -> dict[str, str]:
    """Return the fields that rows can be sorted by: from the names in JSON to the paths of attributes."""
    found = dict[str, str]()
    for field in msgspec.structs.fields(row):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            for name, path in sortable(field.type).items():
                found[f"{field.encode_name}.{name}"] = f"{field.name}.{path}"
        elif not str(field.type).startswith(("dict", "tuple")):
            found[field.encode_name] = field.name
    return found


def field_names(collection: Collection) -> Mapping[str, str]:
    """Return the fields that `sortBy` takes."""
    return sortable(collection.row)
