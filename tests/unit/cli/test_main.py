"""The command line: what it explains, what it refuses, and what it hands on."""

import subprocess
import sys
from importlib import import_module

import pytest
from click.testing import CliRunner, Result

from webhook import __version__
from webhook.cli import main as command_line
from webhook.cli.main import main, plugin


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, arguments)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_the_commands(flag: str) -> None:
    result = run(flag)
    assert result.exit_code == 0
    assert "Keep what a Kubernetes cluster has promised below what it has" in result.output
    assert "serve" in result.output


def test_a_command_that_is_not_there_is_2_and_says_so() -> None:
    result = run("nonsense")
    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.output


def test_version() -> None:
    assert run("--version").output == f"headroom, version {__version__}\n"


FOR_SERVERS = (
    "webhook.manager",
    "webhook.http.worker",
    "flask",
    "gunicorn",
    "kubernetes",
    "cryptography",
    "prometheus_client",
)


def test_a_persons_command_imports_nothing_that_only_a_server_needs() -> None:
    """It takes a second to import, and somebody waits."""
    program = "import sys; from webhook.cli.main import main; main(['footprint', '--help'], standalone_mode=False); "
    program += "print(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Say what manifests commit" in done.stdout
    assert not {*FOR_SERVERS} & {*done.stderr.split()}


def test_every_command_is_listed_and_found() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for name in ("footprint", "serve"):
        assert f"  {name} " in listed
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0
    assert CliRunner().invoke(main, ["nothing"]).exit_code == 2


@pytest.fixture
def without_flask(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where only a person's tools are installed: the webhook's libraries are not there."""
    importing = import_module

    def some(name: str) -> object:
        if name == "webhook.cli.serve":
            raise ModuleNotFoundError("No module named 'flask'", name="flask")
        return importing(name)

    monkeypatch.setattr(command_line, "import_module", some)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--tls-cert-file", "/tls.crt", "more")])
def test_where_the_webhooks_libraries_are_missing_serve_says_what_to_install(
    without_flask: None, arguments: tuple[str, ...]
) -> None:
    result = run("serve", *arguments)
    assert result.exit_code == 1
    assert "needs flask" in result.output
    assert "pip install 'kubectl-headroom[webhook]'" in result.output


def test_where_a_library_is_missing_that_a_command_imports_as_it_runs_it_says_what_to_install() -> None:
    text = "import sys; sys.modules['flask'] = None; from webhook.cli.main import main; main(['ui'])"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: `headroom ui` needs flask")
    assert "pip install 'kubectl-headroom[webhook]'" in done.stderr


def test_where_the_webhooks_libraries_are_missing_all_else_is_there(without_flask: None) -> None:
    listed = run("--help")
    assert listed.exit_code == 0
    assert "serve      Not installed here" in listed.output
    assert run("footprint", "--help").exit_code == 0


def test_a_module_of_our_own_that_is_missing_is_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(command_line, "import_module", none)
    assert isinstance(run("footprint").exception, ModuleNotFoundError)


def test_as_a_plugin_it_names_itself_as_one_types_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/kubectl-headroom", "footprint", "--help"])
    with pytest.raises(SystemExit) as ended:
        plugin()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: kubectl headroom footprint ")
