"""`headroom trial`: what mode enforce would have refused, from the audit logs of the modes warn and audit."""

import json
import sys
from pathlib import Path
from typing import Literal

import click
import yaml

from webhook.cli.files import lines_of
from webhook.core.reporting.auditlines import read
from webhook.core.reporting.trial import Report, Trial
from webhook.core.reporting.trial_text import data, notes, table

_REFUSES, _CANNOT_TELL = 1, 3  # exit codes


@click.command()
@click.argument(
    "sources",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE|-...",
    nargs=-1,
    required=True,
)
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
def trial(sources: tuple[Path, ...], output: Literal["table", "json", "yaml"]) -> None:
    """Say what mode enforce would have refused, from audit logs of the modes warn and audit.

    Reads the files of --audit-file, or what `kubectl logs` shows of replicas; - is standard input. Give those of all
    replicas, rotated ones too, in any order: a review that several lines tell of counts once.

    The report has the pods by namespace and owner, and for each sum the most by which a threshold was exceeded as the
    account had it, and when. A pod that was let in past a threshold counts from then on, so that later ones are found
    over too, which would have fitted if it had been refused.

    Over time the metrics tell the same, but not whose pods: increase(headroom_admission_reviews_total) with
    verdict="audit" (or "warn", by reason) and dry_run="false", added up over replicas.

    Exits with 0 if nothing would have been refused, with 1 if something would, with 2 for wrong usage, and with 3 if
    nothing was found but lines are damaged or lost, or pods were let in unjudged. Notes are on standard error.
    """
    made = Trial()
    for source in sources:
        for line in lines_of(source):
            made.add(read(line))
    report = made.report()
    for note in notes(report):
        click.echo(note, err=True)
    click.echo(_text(report, output))
    sys.exit(_REFUSES if report.refused else _CANNOT_TELL if report.may_be_too_low else 0)


def _text(report: Report, output: Literal["table", "json", "yaml"]) -> str:
    match output:
        case "json":
            return json.dumps(data(report), indent=2)
        case "yaml":
            return yaml.safe_dump(data(report), sort_keys=False).rstrip()
        case "table":
            return "\n".join(table(report))
