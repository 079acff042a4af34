"""Formats: rows as JSON, YAML, CSV, or one HTML file, for programs and for people who send a report to others."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from io import StringIO
from typing import Any

import msgspec
import yaml

from webhook.core.reporting.rows import Row
from webhook.core.reporting.tables import Table

_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color-scheme:light dark}"
    "table{border-collapse:collapse}td,th{padding:.25rem .75rem;text-align:left;border-bottom:1px solid #8884}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}pre{font:13px/1.4 ui-monospace,monospace}"
)


def json_text(value: object) -> str:
    """Return rows as JSON: camelCase, whole bytes and millicores, shares as numbers, null for what is unknown."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def yaml_text(value: object) -> str:
    """Return the same as YAML."""
    return yaml.safe_dump(msgspec.to_builtins(value), sort_keys=False, allow_unicode=True).rstrip()


def csv_text(rows: Sequence[Row]) -> str:
    """Return rows as CSV with a title line; nested fields are joined by dots, such as `memory.requests`."""
    flat = [dict(_flat("", msgspec.to_builtins(row))) for row in rows]
    out = StringIO()
    if flat:
        titles = list(dict.fromkeys(name for row in flat for name in row))
        writer = csv.DictWriter(out, titles, lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
    return out.getvalue().rstrip("\n")


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else name, inner)
    elif isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        yield prefix, f"'{value}"  # a spreadsheet must not take a user's text for a formula
    elif isinstance(value, list | tuple):
        yield prefix, " ".join(map(str, value))
    else:
        yield prefix, value


def html_text(title: str, verdict: str, lines: Sequence[str], table: Table) -> str:
    """Return one HTML file that needs nothing else: the verdict, the load lines, a table. All text is escaped."""
    head = "".join(
        f"<th{_class(right)}>{escape(cell)}</th>" for cell, right in zip(table.titles, table.right, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{_class(r)}>{escape(c)}</td>" for c, r in zip(row, table.right, strict=True)) + "</tr>\n"
        for row in table.rows
    )
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style>\n"
        f"<h1>{escape(verdict)}</h1>\n<pre>{escape(chr(10).join(lines))}</pre>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></html>"
    )


def _class(right: bool) -> str:
    return ' class="n"' if right else ""
