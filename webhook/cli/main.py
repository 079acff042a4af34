"""The command line: `headroom COMMAND`. Each command has a module of its own, which is imported only when it runs.

So `headroom footprint` does not wait for the imports that only the server needs, which take a second.
"""

from importlib import import_module
from typing import Final

import click

from webhook import __version__

_COMMANDS: Final = (
    "blocked",
    "certs",
    "check",
    "config",
    "dashboard",
    "denials",
    "explain",
    "fit",
    "footprint",
    "report",
    "serve",
    "simulate",
    "trial",
    "ui",
)
"""The names of the commands; the module `webhook.cli.NAME` holds the command NAME."""


class _Commands(click.Group):
    """Finds a command by its name, and imports its module then."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """Return the names of the commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as click calls it
        """Return the command of this name, or None."""
        if cmd_name not in _COMMANDS:
            return None
        try:
            command: click.Command = getattr(import_module(f"webhook.cli.{cmd_name}"), cmd_name)
        except ModuleNotFoundError as error:
            return _not_installed(cmd_name, _library(error))
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an import within it, as `ui` has one, may be of a library that is left out."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise _missing(ctx.invoked_subcommand or "", _library(error)) from error


def _library(error: ModuleNotFoundError) -> str:
    """Return which library is missing; a module of our own that is missing is a fault, and raised again."""
    if error.name is None or error.name.partition(".")[0] in {"certs", "webhook"}:
        raise error
    return error.name


def _missing(name: str, module: str) -> click.ClickException:
    return click.ClickException(
        f"`headroom {name}` needs {module}, which is not installed here: "
        "install the webhook's libraries too, with pip install 'kubectl-headroom[webhook]'"
    )


def _not_installed(name: str, module: str) -> click.Command:
    """Return what stands for a command whose libraries are left out, as the webhook's are from a person's tools."""

    def fail() -> None:
        raise _missing(name, module)

    text = "Not installed here: comes with kubectl-headroom[webhook]."
    anything = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(
        name, callback=fail, short_help=text, help=text, context_settings=anything, add_help_option=False
    )


@click.group(cls=_Commands, context_settings={"auto_envvar_prefix": "HEADROOM", "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headroom")
def main() -> None:
    """Keep what a Kubernetes cluster has promised below what it has."""


def plugin() -> None:
    """Run as the kubectl plugin: help and errors name the program `kubectl headroom`."""
    main(prog_name="kubectl headroom")
