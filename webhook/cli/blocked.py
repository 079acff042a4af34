"""`headroom blocked`: whose pods are refused now, and by how much room is short."""

import sys
from typing import Literal

import click

from webhook.cli.cluster import CannotTell, Target, target_options
from webhook.cli.source import source
from webhook.core.reporting.formats import json_text, yaml_text
from webhook.core.reporting.refusal_text import blocked_table

_BLOCKED = 1  # exit code


@click.command()
@click.option("-n", "--namespace", help="Only this namespace.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
@target_options
def blocked(target: Target, namespace: str | None, output: Literal["table", "json", "yaml"]) -> None:
    """Show whose pods were refused and are still missing, those that have waited longest first.

    Exits with 0 if nobody is blocked, with 1 if somebody is, with 2 for wrong usage, with 3 if there is no answer.
    """
    rows = source(target).blocked({"namespace": namespace} if namespace else {})
    if rows is None:
        raise CannotTell("only Headroom knows whom it refused: leave out --direct")
    match output:
        case "json":
            click.echo(json_text({"items": rows}))
        case "yaml":
            click.echo(yaml_text({"items": rows}))
        case "table":
            click.echo("\n".join(blocked_table(rows).lines()) if rows else "No workload is waiting for room.")
    sys.exit(_BLOCKED if rows else 0)
