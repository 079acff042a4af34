"""`headroom fit`: how many more pods like these are there room for?"""

import sys
from pathlib import Path
from typing import Literal

import click

from webhook.cli.cluster import Target, target_options
from webhook.cli.files import text_of
from webhook.cli.source import source
from webhook.core.forecast.questions import FitAnswer, FitQuestion
from webhook.core.reporting.answer_text import fit_line
from webhook.core.reporting.formats import json_text, yaml_text

_NONE = 1  # exit code


class Ratio(click.ParamType[tuple[int, ...]]):
    """Numbers of pods in one set, such as 2:1."""

    name = "ratio"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Read numbers from 1 to 1000 with colons between them."""
        if isinstance(value, tuple):
            return value
        parts = value.split(":")
        if not all(part.isascii() and part.isdecimal() and 0 < int(part[:6]) <= 1000 for part in parts):
            self.fail(f"{value!r} is not a ratio: write for example 2:1", param, ctx)
        return tuple(map(int, parts))


@click.command()
@click.option(
    *("-f", "--filename", "sources"),
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
    metavar="FILE|-",
    required=True,
    multiple=True,
    help="Manifest of a pod or a workload; its replicas do not matter. Repeat it for sets of several pods.",
)
@click.option("--ratio", type=Ratio(), default=(), metavar="A:B", help="How many of each are in one set, such as 2:1.")
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of objects that name none.")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
@target_options
def fit(
    target: Target,
    sources: tuple[Path, ...],
    ratio: tuple[int, ...],
    output: Literal["text", "json", "yaml"],
    *,
    namespace: str,
) -> None:
    """Say how many more pods fit: by the thresholds, and by what is free on each node; and what runs out first.

    Exits with 0 if at least one fits, with 1 if none does, with 2 for wrong usage, and with 3 if there is no answer.
    """
    answer = source(target).fit(FitQuestion(text_of(sources, recursive=False), ratio, namespace))
    match output:
        case "json":
            click.echo(json_text(answer))
        case "yaml":
            click.echo(yaml_text(answer))
        case "text":
            click.echo(_line(answer))
    sys.exit(0 if answer.sets else _NONE)


def _line(answer: FitAnswer) -> str:
    if answer.refused is not None:
        return f"Room for none, whatever is free: {answer.refused}"
    pods = [f"{number} {pod}" for number, pod in zip(answer.ratio, answer.pods, strict=True)]
    what = f"pods of {answer.pods[0]}" if len(pods) == 1 and answer.ratio == (1,) else f"sets of {' and '.join(pods)}"
    which = f"{answer.sum} of {'the cluster' if answer.scope == 'cluster' else f'pool {answer.scope}'}"
    return fit_line(answer.sets, by_thresholds=answer.by_thresholds, by_nodes=answer.by_nodes, what=what, which=which)
