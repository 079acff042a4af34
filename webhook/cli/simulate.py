"""`headroom simulate`: what other thresholds, or other nodes, would make of the account."""

import sys
from collections.abc import Iterator
from typing import Literal

import click
from msgspec import UNSET

from webhook.cli.cluster import Target, target_options
from webhook.cli.source import source
from webhook.core.forecast.questions import AddNodes, SimulateAnswer, SimulateQuestion
from webhook.core.forecast.simulated_text import simulated
from webhook.core.reporting.answer_text import compared
from webhook.core.reporting.formats import json_text, yaml_text

_OVER = 1  # exit code
_WIDTH = 80


class Setting(click.ParamType[tuple[str, str]]):
    """A setting by its path, such as thresholds.memory.requests=70%."""

    name = "setting"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Read PATH=VALUE."""
        if isinstance(value, tuple):
            return value
        path, equals, text = value.partition("=")
        if not (path and equals and text):
            self.fail(f"{value!r} is not PATH=VALUE: write for example thresholds.memory.requests=70%", param, ctx)
        return path, text


class NodesToAdd(click.ParamType[AddNodes]):
    """Nodes to add, such as 3=32Gi,cpu=8,pool=high-mem."""

    name = "nodes"

    def convert(self, value: str | AddNodes, param: click.Parameter | None, ctx: click.Context | None) -> AddNodes:
        """Read NUMBER=MEMORY[,cpu=CPU][,pool=POOL]."""
        if isinstance(value, AddNodes):
            return value
        first, *more = value.split(",")
        number, equals, memory = first.partition("=")
        given = dict(each.partition("=")[::2] for each in more)
        is_number = number.isascii() and number.isdecimal() and len(number) < 6
        if not (is_number and equals and given.keys() <= {"cpu", "pool"}):
            self.fail(f"{value!r} is not NUMBER=MEMORY[,cpu=CPU][,pool=POOL]: write for example 3=32Gi", param, ctx)
        return AddNodes(int(number), memory, given.get("cpu", "0"), given.get("pool"))


@click.command()
@click.option("--set", "settings", type=Setting(), multiple=True, metavar="PATH=VALUE", help="Try another setting.")
@click.option("--without-node", "without", multiple=True, metavar="NODE", help="Try without a node.")
@click.option("--without-zone", "zone", metavar="ZONE", help="Try without all nodes of a zone.")
@click.option("--drain", multiple=True, metavar="NODE", help="Try with a node cordoned and drained.")
@click.option(
    "--add-nodes",
    "add",
    type=NodesToAdd(),
    multiple=True,
    metavar="N=MEMORY[,cpu=CPU][,pool=POOL]",
    help="Try with more nodes, such as 3=32Gi,pool=high-mem.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
@target_options
def simulate(
    target: Target,
    settings: tuple[tuple[str, str], ...],
    without: tuple[str, ...],
    zone: str | None,
    drain: tuple[str, ...],
    add: tuple[AddNodes, ...],
    output: Literal["text", "json", "yaml"],
) -> None:
    """Say what other thresholds or nodes would make of the account; nothing is changed.

    The pods of nodes that go are admitted again as far as there is room, the largest first.

    Exits with 0 if all is within its threshold then and every pod comes back, with 1 if not, with 2 for wrong usage,
    and with 3 if there is no answer.
    """
    question = SimulateQuestion(dict(settings), without, UNSET if zone is None else zone, drain, add)
    answer = source(target).simulate(question)
    match output:
        case "json":
            click.echo(json_text(answer))
        case "yaml":
            click.echo(yaml_text(answer))
        case "text":
            click.echo("\n".join(_lines(answer)))
    sys.exit(_OVER if answer.over or answer.admitted < answer.displaced else 0)


def _lines(answer: SimulateAnswer) -> Iterator[str]:
    yield from simulated(answer)
    yield ""
    yield from compared(answer.before, answer.after, _WIDTH)
