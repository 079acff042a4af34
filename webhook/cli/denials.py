"""`headroom denials`: what was refused lately, by any replica."""

from typing import Literal

import click

from webhook.cli.cluster import CannotTell, Target, target_options
from webhook.cli.source import source
from webhook.core.reporting.formats import json_text, yaml_text
from webhook.core.reporting.refusal_text import denials_table


@click.command()
@click.option("-n", "--namespace", help="Only this namespace.")
@click.option("--reason", help="Only this reason, such as MemoryCommitmentExceeded.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
@target_options
def denials(
    target: Target, namespace: str | None, reason: str | None, output: Literal["table", "json", "yaml"]
) -> None:
    """Show recent refusals, and in trial modes what would have been refused; the newest first.

    Alike ones are one row. The audit log has each of them.
    """
    query = {name: value for name, value in (("namespace", namespace), ("reason", reason)) if value}
    rows = source(target).denials(query)
    if rows is None:
        raise CannotTell("only Headroom knows what it refused: leave out --direct")
    match output:
        case "json":
            click.echo(json_text({"items": rows}))
        case "yaml":
            click.echo(yaml_text({"items": rows}))
        case "table":
            click.echo("\n".join(denials_table(rows).lines()) if rows else "Nothing was refused lately.")
