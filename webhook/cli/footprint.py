"""`headroom footprint`: what manifests commit and why, without a cluster."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import click
import yaml

from webhook.cli.files import STDIN, files, read
from webhook.core.manifests.documents import ManifestError
from webhook.core.manifests.manifest import Holding, Item, Other, contents, holdings
from webhook.core.manifests.output import data, reasons, subject, table
from webhook.core.manifests.settings import Setting
from webhook.core.pods.rules import NEWEST, RuleSet, VersionError, chosen
from webhook.core.reviews.messages import printable

_MOST_SHOWN = 400  # characters of an error about a file


class _Found(NamedTuple):
    """The contents of all files together."""

    items: list[Item]
    settings: list[Setting]
    others: list[Other]
    faults: list[str]


class _KubernetesVersion(click.ParamType[RuleSet]):
    """A version of Kubernetes, for the rule set that it counts by."""

    name = "version"

    def convert(self, value: str | RuleSet, param: click.Parameter | None, ctx: click.Context | None) -> RuleSet:
        """Take any version; of one that is newer than all that are known here it is said how it is counted."""
        if isinstance(value, RuleSet):
            return value
        try:
            found = chosen(value)
        except VersionError as error:
            self.fail(str(error), param, ctx)
        if found.is_newer:
            click.echo(f"Warning: {value} is not known here: counted like {found.rule_set.version}", err=True)
        return found.rule_set


@click.command()
@click.option(
    *("-f", "--filename", "sources"),
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
    metavar="FILE|DIR|-",
    required=True,
    multiple=True,
    help="Manifest in YAML or JSON, a folder of them, or - for standard input. May be repeated.",
)
@click.option("-R", "--recursive", is_flag=True, help="Go into the folders of a folder.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
@click.option("--guess", is_flag=True, help="Look for pod templates in objects of kinds that are not known here.")
@click.option(
    "--kubernetes-version",
    type=_KubernetesVersion(),
    default=NEWEST[-1].version,
    show_default=True,
    help="Count by the rule of this version: each minor version has its own.",
)
@click.option("--why/--no-why", default=True, show_default=True, help="Say below the table how each pod's sum is made.")
def footprint(
    sources: tuple[Path, ...],
    output: Literal["table", "json", "yaml"],
    *,
    recursive: bool,
    guess: bool,
    kubernetes_version: RuleSet,
    why: bool,
) -> None:
    """Say what manifests commit, and why.

    Counts pods and workloads as the account does: containers and sidecars, or the peak of the init containers, or what
    the pod says itself, and overhead, with the requests that the API server fills in; times the replicas. No cluster is
    asked: a LimitRange or a RuntimeClass counts where it is among the manifests. What a controller among them has made
    is counted there, so the output of `kubectl get deploy,rs,pods -o yaml` counts once.

    Exits with 1 when a manifest cannot be read (each fault on standard error, the report of all others on standard
    output), with 2 for wrong usage, such as a file that is not there.
    """
    found = _find(sources, recursive=recursive, guess=guess)
    counted = holdings(found.items, found.settings, kubernetes_version)
    for line in (*_aside(found.others, counted.with_controllers), *_warnings(counted.holdings)):
        click.echo(line, err=True)
    for fault in found.faults:
        click.echo(f"Error: {fault}", err=True)
    whole = not found.faults and all(other.commits_nothing for other in found.others)
    click.echo(_text(counted.holdings, output, why=why, whole=whole))
    if found.faults:
        sys.exit(1)


def _aside(others: list[Other], with_controllers: list[Item]) -> Iterator[str]:
    """Say which objects are not counted, and why."""
    known = [other.kind for other in others if other.commits_nothing]
    if known:
        yield f"skipped, because they commit no resources: {_counts(known)}"
    unknown = [f"{other.kind}.{other.group}" for other in others if not other.commits_nothing]
    if unknown:
        yield f"not read here, though they may create pods (--guess looks for pod templates): {_counts(unknown)}"
    if with_controllers:
        yield f"counted with the controller that made them: {_counts([item.head.kind for item in with_controllers])}"


def _counts(kinds: list[str]) -> str:
    return ", ".join(f"{number} {printable(kind, 60)}" for kind, number in sorted(Counter(kinds).items()))


def _warnings(found: list[Holding]) -> Iterator[str]:
    for holding in found:
        for warning in holding.warnings:
            yield f"Warning: {subject(holding)}: {printable(warning, _MOST_SHOWN)}"


def _find(sources: tuple[Path, ...], *, recursive: bool, guess: bool) -> _Found:
    found = _Found([], [], [], [])
    for path in [file for source in sources for file in files(source, recursive=recursive)]:
        for each in contents(read(path), guess=guess):
            match each:
                case Item():
                    found.items.append(each)
                case Other():
                    found.others.append(each)
                case ManifestError():
                    name = "standard input" if str(path) == STDIN else path
                    found.faults.append(printable(f"{name}: {each}", _MOST_SHOWN))
                case _:
                    found.settings.append(each)
    return found


def _text(found: list[Holding], output: Literal["table", "json", "yaml"], *, why: bool, whole: bool) -> str:
    """Return the report; `whole`: all of the input was read."""
    match output:
        case "json":
            return json.dumps(data(found), indent=2)
        case "yaml":
            return yaml.safe_dump(data(found), sort_keys=False).rstrip()
        case "table":
            blocks = [table(found), *(reasons(each) for each in found if why)]
            nothing = f"nothing {'' if whole else 'that was read '}here commits anything"
            return "\n\n".join("\n".join(lines) for lines in blocks) if found else nothing
