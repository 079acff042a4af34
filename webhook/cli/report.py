"""`headroom report`: what is committed, by pool, node, namespace, workload or label."""

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import click

from webhook.cli.cluster import Target, target_options
from webhook.cli.source import Source, source
from webhook.core.reporting.formats import csv_text, html_text, json_text, yaml_text
from webhook.core.reporting.rows import Commitment, Row
from webhook.core.reporting.summary import verdict
from webhook.core.reporting.tables import Table, groups_table, load_lines, nodes_table, pods_table

_OVER: Final = 1  # the exit code where a sum is past its threshold
_NARROW: Final = 80  # columns where standard output is not a terminal
_REDRAW: Final = 2.0  # seconds between two drawings with --watch
_CLEAR: Final = "\x1b[H\x1b[J"  # to the upper left corner, and nothing below: without flicker

Output = Literal["table", "wide", "json", "yaml", "csv", "html"]


class Asked(NamedTuple):
    """What the user asked for."""

    by: str
    output: Output
    query: Mapping[str, str]
    labels: tuple[str, ...]
    titles: bool


@click.command()
@click.option(
    "--by",
    default="pool",
    show_default=True,
    metavar="pool|node|namespace|workload|pod|LABEL",
    help="What to show a row for; a label of nodes, such as topology.kubernetes.io/zone, adds up those with one value.",
)
@click.option(
    *("-o", "--output"),
    type=click.Choice(["table", "wide", "json", "yaml", "csv", "html"]),
    default="table",
    show_default=True,
)
@click.option("--sort-by", metavar="FIELD", help="Field of the JSON, such as memory.requests; -FIELD: largest first.")
@click.option("-L", "--label-columns", "labels", multiple=True, metavar="LABEL", help="Labels of nodes as columns.")
@click.option("--over", is_flag=True, help="Only what is past a threshold, or asks more than a node has.")
@click.option("--unbounded", is_flag=True, help="Only what has containers without a memory limit.")
@click.option("-n", "--namespace", help="Only this namespace.")
@click.option("-l", "--selector", metavar="LABELS", help="Only nodes with these labels.")
@click.option("-w", "--watch", is_flag=True, help="Draw again every two seconds, until Ctrl-C.")
@click.option("--no-headers", is_flag=True, help="Without the line of titles.")
@target_options
def report(
    target: Target,
    by: str,
    output: Output,
    *,
    sort_by: str | None,
    labels: tuple[str, ...],
    over: bool,
    unbounded: bool,
    namespace: str | None,
    selector: str | None,
    watch: bool,
    no_headers: bool,
) -> None:
    """Show what is committed: a verdict, a load line for each threshold, and a table.

    Asks Headroom in the cluster, through the API server's service proxy; with --direct it adds up nodes and pods
    itself, by the same code and with your own rights.

    Exits with 0, with 1 if a sum is past its threshold, with 2 for wrong usage, with 3 if there is no answer.
    """
    given = {"sortBy": sort_by, "namespace": namespace, "labelSelector": selector}
    query = {name: value for name, value in given.items() if value}
    query |= {name: "true" for name, is_asked in (("over", over), ("unbounded", unbounded)) if is_asked}
    asked = Asked(by, output, query, labels, titles=not no_headers)
    asked_of = source(target)
    commitment = asked_of.commitment()
    click.echo(render(asked_of, commitment, asked))
    while watch:
        time.sleep(_REDRAW)
        commitment = asked_of.commitment()
        click.echo(_CLEAR + render(asked_of, commitment, asked))
    sys.exit(_OVER if is_over(commitment) else 0)


def is_over(commitment: Commitment) -> bool:
    """Say whether any sum is past its threshold."""
    lines = (line for s in commitment.scopes for r in (s.memory, s.cpu) for line in (r.requests, r.limits))
    return any(line.free is not None and line.free < 0 for line in lines)


def render(of: Source, commitment: Commitment, asked: Asked) -> str:
    """Return the whole output."""
    if asked.by == "pool":
        return _account(of, commitment, asked)
    rows, table = _rows(of, asked)
    match asked.output:
        case "json":
            return json_text({"items": rows})
        case "yaml":
            return yaml_text({"items": rows})
        case "csv":
            return csv_text(rows)
        case "html":
            return html_text(f"Headroom by {asked.by}", _said(of, commitment), load_lines(commitment, 100), table)
        case _:
            return "\n".join((_said(of, commitment), "", *table.lines(titles=asked.titles)))


def _account(of: Source, commitment: Commitment, asked: Asked) -> str:
    match asked.output:
        case "json":
            return json_text(commitment)
        case "yaml":
            return yaml_text(commitment)
        case "csv":
            return csv_text(commitment.scopes)
        case "html":
            none = Table((), (), ())
            return html_text("Headroom", _said(of, commitment), load_lines(commitment, 100), none)
        case _:
            return "\n".join((_said(of, commitment), "", *load_lines(commitment, _width())))


def _said(of: Source, commitment: Commitment) -> str:
    blocked = of.blocked({})
    return verdict(commitment, None if blocked is None else len(blocked))


def _rows(of: Source, asked: Asked) -> tuple[Sequence[Row], Table]:
    wide = asked.output == "wide"
    made: dict[str, Callable[[], tuple[Sequence[Any], Table]]] = {
        "node": lambda: _with(of.nodes(asked.query), lambda r: nodes_table(r, wide=wide, labels=asked.labels)),
        "pod": lambda: _with(of.pods(asked.query), lambda r: pods_table(r, wide=wide)),
        "namespace": lambda: _groups(of, "namespaces", "NAMESPACE", asked, wide=wide),
        "workload": lambda: _groups(of, "workloads", "WORKLOAD", asked, wide=wide),
    }
    return made.get(asked.by, lambda: _groups(of, asked.by, asked.by.rpartition("/")[2].upper(), asked, wide=wide))()


def _groups(of: Source, by: str, title: str, asked: Asked, *, wide: bool) -> tuple[Sequence[Any], Table]:
    return _with(of.groups(by, asked.query), lambda rows: groups_table(rows, title, wide=wide))


def _with(rows: Sequence[Any], table: Callable[[Sequence[Any]], Table]) -> tuple[Sequence[Any], Table]:
    return rows, table(rows)


def _width() -> int:
    return shutil.get_terminal_size((_NARROW, 24)).columns if sys.stdout.isatty() else _NARROW
