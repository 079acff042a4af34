"""`headroom footprint`: what manifests commit and why, without a cluster."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import click
import yaml

from webhook.core.manifests.manifest import Holding, Other, contents
from webhook.core.manifests.report import data, reasons, table
from webhook.core.manifests.text import ManifestError
from webhook.core.reviews.wording import printable

_STDIN = "-"
_SUFFIXES = {".yaml", ".yml", ".json"}
_MOST_SHOWN = 400  # characters of an error about a file


class _Found(NamedTuple):
    """What all files hold together."""

    holdings: list[Holding]
    others: Counter[str]
    faults: list[str]


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
@click.option("--why/--no-why", default=True, show_default=True, help="Say below the table how each pod's sum is made.")
def footprint(
    sources: tuple[Path, ...], output: Literal["table", "json", "yaml"], *, recursive: bool, why: bool
) -> None:
    """Say what manifests commit, and why.

    Counts pods and workloads as the account does: containers and sidecars, or the peak of the init containers, or what
    the pod says itself, and overhead, with the requests that the API server fills in; times the replicas. No cluster is
    asked, so what a LimitRange or a RuntimeClass adds there is missing.

    Exits with 1 when a manifest cannot be read (each fault on standard error, nothing on standard output), with 2 for
    wrong usage, such as a file that is not there.
    """
    found = _find(sources, recursive=recursive)
    if found.others:
        kinds = ", ".join(f"{number} {printable(kind, 60)}" for kind, number in sorted(found.others.items()))
        click.echo(f"passed over, for they commit nothing themselves: {kinds}", err=True)
    if found.faults:
        for fault in found.faults:
            click.echo(f"Error: {fault}", err=True)
        sys.exit(1)
    click.echo(_text(found.holdings, output, why=why))


def _find(sources: tuple[Path, ...], *, recursive: bool) -> _Found:
    found = _Found([], Counter(), [])
    for path in [file for source in sources for file in _files(source, recursive=recursive)]:
        for each in contents(_read(path)):
            match each:
                case Holding():
                    found.holdings.append(each)
                case Other(kind):
                    found.others[kind] += 1
                case ManifestError():
                    name = "standard input" if str(path) == _STDIN else path
                    found.faults.append(printable(f"{name}: {each}", _MOST_SHOWN))
    return found


def _files(source: Path, *, recursive: bool) -> Iterator[Path]:
    """Yield a file itself, or the manifests of a folder in the order of their names."""
    if not source.is_dir() or str(source) == _STDIN:
        yield source
        return
    inside = source.rglob("*") if recursive else source.glob("*")
    yield from sorted(path for path in inside if path.suffix in _SUFFIXES and path.is_file())


def _read(path: Path) -> bytes:
    if str(path) == _STDIN:
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _text(holdings: list[Holding], output: Literal["table", "json", "yaml"], *, why: bool) -> str:
    match output:
        case "json":
            return json.dumps(data(holdings), indent=2)
        case "yaml":
            return yaml.safe_dump(data(holdings), sort_keys=False).rstrip()
        case "table":
            blocks = [table(holdings), *(reasons(each) for each in holdings if why)]
            return "\n\n".join("\n".join(lines) for lines in blocks) if holdings else "nothing here commits anything"
