"""`headroom config validate`: is a configuration good, and what would it change?"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import click

from webhook.cli.cluster import Target, target_options
from webhook.cli.files import read
from webhook.cli.source import source
from webhook.core.config.changes import each_change
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.document import text_in
from webhook.core.config.errors import ConfigError, Problem
from webhook.core.config.parse import parse
from webhook.core.config.render import digest, render
from webhook.core.forecast.questions import SimulateAnswer, SimulateQuestion
from webhook.core.forecast.simulated_text import simulated
from webhook.core.reporting.answer_text import compared
from webhook.core.reporting.formats import json_text, yaml_text
from webhook.core.reviews.messages import printable
from webhook.state.configuration import KEY

_BAD = 1  # exit code
_WIDTH = 80
_LONGEST = 400  # characters of a problem


class Difference(NamedTuple):
    """What a configuration would change: the settings that differ from those in force, and the account then."""

    against: str
    settings: Sequence[str]
    then: SimulateAnswer


@click.group(name="config")
def config() -> None:
    """Look at a configuration before it is applied."""


@config.command()
@click.option(
    *("-f", "--filename", "path"),
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE|-",
    help="The ConfigMap, a patch of it, or the bare configuration. Default: the configuration in force.",
)
@click.option("--diff", is_flag=True, help="Say as well what it would change against the configuration in force.")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
@target_options
def validate(target: Target, path: Path | None, output: Literal["text", "json", "yaml"], *, diff: bool) -> None:
    """Say whether a configuration is good: each error with its key, and what would be right.

    No cluster is needed with --filename and without --diff. With --diff, Headroom in the cluster is asked what the
    account would be under this configuration; nothing is changed.

    Exits with 0 if it is good, with 1 if it is not, or if a sum would be past its threshold under it, with 2 for wrong
    usage, and with 3 if there is no answer.
    """
    found, problems = _in_force(target) if path is None else _parsed(read(path).decode(errors="replace"))
    name = "the configuration in force" if path is None else "standard input" if str(path) == "-" else str(path)
    difference = _difference(target, found) if diff and found is not None else None
    match output:
        case "json":
            click.echo(json_text(_data(found, problems, difference)))
        case "yaml":
            click.echo(yaml_text(_data(found, problems, difference)))
        case "text":
            click.echo("\n".join(_lines(name, found, problems, difference)))
    sys.exit(_BAD if problems or (difference and difference.then.over) else 0)


def _parsed(text: str) -> tuple[HeadroomConfig | None, Sequence[Problem]]:
    try:
        return parse(text_in(text, KEY)), ()
    except ConfigError as error:
        return None, error.problems


def _in_force(target: Target) -> tuple[HeadroomConfig | None, Sequence[Problem]]:
    """Return the configuration in force, and what is wrong with the last edit if that does not apply."""
    found = source(target).config()
    return found.config, () if found.problem is None else (Problem("the last edit", found.problem),)


def _difference(target: Target, new: HeadroomConfig) -> Difference:
    asked = source(target)
    now = asked.config()
    then = asked.simulate(SimulateQuestion(config=render(new)))
    return Difference(now.digest, each_change(now.config, new), then)


def _lines(
    name: str, found: HeadroomConfig | None, problems: Sequence[Problem], difference: Difference | None
) -> Iterator[str]:
    if problems:
        yield f"{name} has {len(problems)} error{'s' if len(problems) > 1 else ''}:"
        for each in problems:
            yield f"  {printable(str(each), _LONGEST)}"
    elif found is not None:
        yield f"{name} is good: mode {found.mode}, configuration {digest(found)}."
    if difference is None:
        return
    yield ""
    if not difference.settings:
        yield f"It means the same as the configuration in force, {difference.against}."
        return
    yield f"Against the configuration in force, {difference.against}, it changes:"
    for setting in difference.settings:
        yield f"  {setting}"
    yield ""
    yield from simulated(difference.then)
    yield ""
    yield from compared(difference.then.before, difference.then.after, _WIDTH)


def _data(
    found: HeadroomConfig | None, problems: Sequence[Problem], difference: Difference | None
) -> dict[str, object]:
    made: dict[str, object] = {
        "good": not problems,
        "hash": None if found is None else digest(found),
        "errors": [{"path": each.path, "message": each.message} for each in problems],
    }
    if difference is not None:
        made |= {"against": difference.against, "changes": difference.settings, "simulated": difference.then}
    return made
