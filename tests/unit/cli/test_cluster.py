"""Which cluster is asked: the options that all commands share."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from webhook.cli.cluster import CannotTell, Target, connect, target_options


@click.command()
@target_options
def shown(target: Target) -> None:
    """Show what was asked for."""
    click.echo(repr(tuple(target)))


def test_the_options_come_as_one_target() -> None:
    assert CliRunner().invoke(shown, []).stdout == "(None, None, 'headroom-system', None, False)\n"
    given = ["--kubeconfig", "k", "--context", "c", "--headroom-namespace", "n", "--server", "s", "--direct"]
    assert CliRunner().invoke(shown, given).stdout == "('k', 'c', 'n', 's', True)\n"


def test_a_kubeconfig_that_is_not_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(CannotTell, match="name a usable file with --kubeconfig"):
        connect(Target(str(tmp_path / "none"), None, "headroom-system", None, direct=True))
