"""`headroom simulate`: what other thresholds, other nodes or larger workloads would make of the account."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import click
import msgspec
from msgspec import UNSET

from webhook.cli.cluster import Target, connect, target_options
from webhook.cli.files import lines_of
from webhook.cli.growth import growth
from webhook.cli.source import source
from webhook.core.forecast.questions import AddNodes, SimulateAnswer, SimulateQuestion
from webhook.core.forecast.simulated_text import simulated
from webhook.core.reporting.answer_text import compared
from webhook.core.reporting.auditlines import read
from webhook.core.reporting.formats import json_text, yaml_text
from webhook.core.reporting.replay import Replay, replay
from webhook.core.reporting.replay_text import replay_data, replay_notes, replayed

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
@click.option("--hpa-max", is_flag=True, help="Try with every HorizontalPodAutoscaler at its maxReplicas.")
@click.option("--surge", is_flag=True, help="Try with every Deployment in the middle of its rolling update.")
@click.option(
    "--replay",
    "logs",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    multiple=True,
    metavar="FILE|-",
    help="Say which decisions of an audit log would be different. May be repeated.",
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
    logs: tuple[Path, ...],
    output: Literal["text", "json", "yaml"],
    *,
    hpa_max: bool,
    surge: bool,
) -> None:
    """Say what other thresholds, other nodes or larger workloads would make of the account; nothing is changed.

    The pods of nodes that go are admitted again as far as there is room, the largest first. With --hpa-max or --surge,
    all pods that would come are added, whether or not there is room: what would be over is what would be missing. The
    autoscalers and workloads are read with your own rights.

    With --replay, each decision of an audit log is made again with what was committed then. A pod that simply fitted
    has no line there, so what would newly be refused is found only where a pod came near a threshold.

    Exits with 0 if all is within its threshold then, every pod comes back and no admitted pod would be refused, with 1
    if not, with 2 for wrong usage, and with 3 if there is no answer.
    """
    grow = growth(connect(target), hpa_max=hpa_max, surge=surge) if hpa_max or surge else ()
    question = SimulateQuestion(dict(settings), without, UNSET if zone is None else zone, drain, add, grow=grow)
    answer = source(target).simulate(question)
    again = _replayed(logs, answer)
    match output:
        case "json":
            click.echo(json_text(_data(answer, again)))
        case "yaml":
            click.echo(yaml_text(_data(answer, again)))
        case "text":
            click.echo("\n".join(_lines(answer, again)))
    worse = answer.over or answer.admitted < answer.displaced or (again is not None and again.newly_refused)
    sys.exit(_OVER if worse else 0)


def _replayed(logs: Sequence[Path], answer: SimulateAnswer) -> Replay | None:
    if not logs:
        return None
    found = replay((read(line) for log in logs for line in lines_of(log)), answer.before, answer.after)
    for note in replay_notes(found):
        click.echo(note, err=True)
    return found


def _lines(answer: SimulateAnswer, again: Replay | None) -> Iterator[str]:
    yield from simulated(answer)
    yield ""
    yield from compared(answer.before, answer.after, _WIDTH)
    if again is not None:
        yield ""
        yield from replayed(again)


def _data(answer: SimulateAnswer, again: Replay | None) -> object:
    return answer if again is None else {**msgspec.to_builtins(answer), "replay": replay_data(again)}
