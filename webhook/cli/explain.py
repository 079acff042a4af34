"""`headroom explain`: what one workload commits, and why its pods are refused."""

import sys

import click

from webhook.cli.cluster import Target, target_options
from webhook.cli.source import source
from webhook.core.reporting.refusal_text import explained

_BLOCKED = 1  # exit code
_HOLDERS = 3


class Workload(click.ParamType[tuple[str, str]]):
    """A workload as KIND/NAME, such as Deployment/web; the kind in any case, as kubectl takes it."""

    name = "workload"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Read KIND/NAME."""
        if isinstance(value, tuple):
            return value
        kind, _, name = value.partition("/")
        if not kind or not name or "/" in name:
            self.fail(f"{value!r} is not KIND/NAME: write for example deployment/web", param, ctx)
        return kind.lower(), name


@click.command()
@click.argument("workload", type=Workload(), metavar="KIND/NAME")
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of the workload.")
@target_options
def explain(target: Target, workload: tuple[str, str], namespace: str) -> None:
    """Say what a workload commits, whether its pods are refused and why, and who holds the memory.

    Exits with 0 if it is not blocked, with 1 if it is, with 2 for wrong usage, and with 3 if there is no answer.
    """
    kind, name = workload
    asked = source(target)
    groups = asked.groups("workloads", {"namespace": namespace, "name": name})
    group = next((each for each in groups if each.kind.lower() == kind), None)
    waiting = asked.blocked({"namespace": namespace}) or ()
    stuck = next((each for each in waiting if (each.kind.lower(), each.name) == (kind, name)), None)
    holders = asked.groups("workloads", {"sortBy": "-memory.requests"})[:_HOLDERS] if stuck else ()
    found = group or stuck
    subject = f"{found.kind if found else kind} {namespace}/{name}"
    click.echo("\n".join(explained(subject, group, stuck, holders)))
    sys.exit(_BLOCKED if stuck else 0)
