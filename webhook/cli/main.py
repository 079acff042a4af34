"""The command line: `headroom COMMAND`, each in a module of its own that is imported when it is asked for.

So `headroom footprint` does not wait for what only a server needs, which takes a second to import.
"""

from importlib import import_module
from typing import Final

import click

from webhook import __version__

_COMMANDS: Final = ("footprint", "serve", "trial")
"""Their names; `webhook.cli.NAME` holds the command NAME."""


class _Commands(click.Group):
    """Finds commands by their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """Return the names."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as click calls it
        """Return the command of this name, or None."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"webhook.cli.{cmd_name}"), cmd_name)
        return command


@click.group(cls=_Commands, context_settings={"auto_envvar_prefix": "HEADROOM", "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headroom")
def main() -> None:
    """Keep what a Kubernetes cluster has promised below what it has."""


def plugin() -> None:
    """Run as `kubectl headroom`, and say so in what is printed."""
    main(prog_name="kubectl headroom")
