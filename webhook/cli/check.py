"""`headroom check`: would the pods of manifests be admitted?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import msgspec

from webhook.cli.cluster import Target, connect, target_options
from webhook.cli.files import text_of
from webhook.cli.source import source
from webhook.core.forecast.questions import CheckQuestion
from webhook.core.reporting.answer_text import check_lines
from webhook.core.reporting.formats import json_text, yaml_text
from webhook.kube.stream import KubeError

if TYPE_CHECKING:
    from webhook.kube.client import Api

_REFUSED = 1  # exit code


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
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of objects that name none.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
@target_options
def check(
    target: Target,
    sources: tuple[Path, ...],
    output: Literal["table", "json", "yaml"],
    *,
    recursive: bool,
    namespace: str,
) -> None:
    """Say whether the pods of manifests would be admitted, and which is the first that would not.

    The objects are tried in their order, each on top of those before it. What lives of a workload already is not tried
    again. LimitRanges of the namespace and RuntimeClasses fill in what the API server would fill in, as far as you may
    read them. Nothing is created: helm template NAME CHART | kubectl headroom check -f -

    Exits with 0 if all fit, with 1 if a pod would be refused or a manifest cannot be read, with 2 for wrong usage, and
    with 3 if there is no answer.
    """
    text = text_of(sources, recursive=recursive)
    if target.server is None:
        text += _settings(connect(target), namespace)
    answer = source(target).check(CheckQuestion(text, namespace))
    for fault in answer.faults:
        click.echo(f"Error: {fault}", err=True)
    match output:
        case "json":
            click.echo(json_text(answer))
        case "yaml":
            click.echo(yaml_text(answer))
        case "table":
            click.echo("\n".join(check_lines(answer.items, answer.skipped)))
    sys.exit(0 if answer.fits else _REFUSED)


def _settings(api: "Api", namespace: str) -> str:
    """Return the LimitRanges of a namespace and the RuntimeClasses, as further documents."""
    kinds = (
        (f"/api/v1/namespaces/{namespace}/limitranges", "v1", "LimitRange"),
        ("/apis/node.k8s.io/v1/runtimeclasses", "node.k8s.io/v1", "RuntimeClass"),
    )
    texts = []
    for path, version, kind in kinds:
        try:
            items = msgspec.json.decode(api.get(path).body).get("items") or []
        except (KubeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError) as error:
            click.echo(f"Warning: what a {kind} would fill in is not known: {error}", err=True)
            continue
        texts += [msgspec.json.encode({"apiVersion": version, "kind": kind, **item}).decode() for item in items]
    return "".join(f"\n---\n{each}" for each in texts)
