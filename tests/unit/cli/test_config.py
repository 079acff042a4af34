"""`headroom config validate`: what is wrong with a configuration, and what a good one would change."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.support.served import Account
from webhook.cli.main import main

HEAD = "apiVersion: headroom.internal/v1\nkind: HeadroomConfig\n"
BAD = f"{HEAD}mode: off\nwarnat: 90%\nthresholds: {{memory: {{request: 75%}}}}\n"


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["config", "validate", *arguments], input=text)


def written(share: str) -> str:
    return f"{HEAD}thresholds: {{memory: {{requests: {share}}}}}\n"


def test_a_good_one_needs_no_cluster(tmp_path: Path) -> None:
    file = tmp_path / "headroom.yaml"
    file.write_text(written("75%"))
    result = run("-f", str(file))
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{file} is good: mode enforce, configuration ")


def test_each_error_has_its_key_the_reason_and_what_was_meant() -> None:
    result = run("-f", "-", text=BAD)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "standard input has 3 errors:",
        '  mode: "off" stands here; write enforce, warn or audit',
        "  warnat: unknown key; did you mean warnAt?",
        "  thresholds.memory.request: unknown key; did you mean requests?",
    ]


def test_for_programs() -> None:
    said = json.loads(run("-f", "-", "-o", "json", text=BAD).stdout)
    assert (said["good"], said["hash"], len(said["errors"])) == (False, None, 3)
    assert said["errors"][1] == {"path": "warnat", "message": "unknown key; did you mean warnAt?"}
    assert yaml.safe_load(run("-f", "-", "-o", "yaml", text=BAD).stdout) == said


def test_a_configmap_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "configmap.yaml"
    file.write_text(yaml.safe_dump({"kind": "ConfigMap", "data": {"config.yaml": BAD}}))
    assert f"{file} has 3 errors:" in run("-f", str(file)).stdout
    file.write_text("kind: ConfigMap\ndata: {}\n")
    assert "data: has no key config.yaml; add it" in run("-f", str(file)).stdout


def test_what_it_would_change(server: str) -> None:
    result = run("-f", "-", "--diff", "--server", server, text=written("40%"))
    assert result.exit_code == 1, "12Gi of 24Gi are committed"
    lines = result.stdout.splitlines()
    assert lines[2].startswith("Against the configuration in force, ")
    assert lines[3] == "  thresholds.memory.requests: 75% → 40%"
    assert lines[5].startswith("Memory requests of the cluster would be over by 2.4Gi; most of it is held by default/")
    assert run("-f", "-", "--diff", "--server", server, text=written("60%")).exit_code == 0
    said = json.loads(run("-f", "-", "--diff", "--server", server, "-o", "json", text=written("40%")).stdout)
    assert said["changes"] == ["thresholds.memory.requests: 75% → 40%"]
    assert said["simulated"]["over"][0]["over"] == 12 * (1 << 30) - 40 * 24 * (1 << 30) // 100


def test_one_that_means_the_same_changes_nothing(server: str) -> None:
    result = run("-f", "-", "--diff", "--server", server, text=written("75.0%"))
    assert "It means the same as the configuration in force" in result.stdout
    assert result.exit_code == 0


def test_of_a_bad_one_nothing_is_compared() -> None:
    result = run("-f", "-", "--diff", "--server", "http://127.0.0.1:1", text=BAD)
    assert (result.exit_code, "in force" in result.stdout) == (1, False)


def test_without_a_file_the_one_in_force_is_looked_at(server: str, account: Account) -> None:
    assert run("--server", server).stdout.startswith("the configuration in force is good: mode enforce")
    account.settings = account.settings._replace(problem="the ConfigMap headroom-config holds no good configuration")
    result = run("--server", server)
    assert result.exit_code == 1
    assert "the last edit: the ConfigMap headroom-config holds no good configuration" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("-f", "missing.yaml"), 2),
        (("--server", "http://127.0.0.1:1"), 3),
        (("-f", "-", "--diff", "--server", "http://127.0.0.1:1"), 3),
    ],
)
def test_wrong_usage_is_2_and_no_answer_is_3(arguments: tuple[str, ...], code: int) -> None:
    assert run(*arguments, text=written("75%")).exit_code == code
