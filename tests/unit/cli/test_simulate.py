"""`headroom simulate`: what other thresholds or nodes would make of the account."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.core.reporting.lines import decision, text
from webhook.cli.main import main


def run(server: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["simulate", "--server", server, *arguments])


def test_a_lower_threshold(server: str) -> None:
    result = run(server, "--set", "thresholds.memory.requests=40%")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "Memory requests of the cluster would be over by 2.4Gi; most of it is held by default/Deployment/web."
    )
    assert lines[2] == "cluster memory requests"
    assert lines[3].startswith("  now ")
    assert lines[3].endswith("12Gi of 18Gi")
    assert lines[4].startswith("  then ")


def test_nodes_that_go(server: str) -> None:
    result = run(server, "--without-node", "node-1")
    assert "4 of 4 pods of the nodes that go would be admitted again." in result.stdout
    assert result.exit_code == 0
    result = run(server, "--without-node", "node-1", "--without-node", "node-2")
    assert result.exit_code == 1
    assert "Refused: default/web-" in result.stdout


def test_nodes_that_come(server: str) -> None:
    answer = json.loads(run(server, "--add-nodes", "2=16Gi,cpu=4", "-o", "json").stdout)
    assert answer["after"]["scopes"][0]["memory"]["allocatable"] == 56 << 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "mode"), "is not PATH=VALUE"),
        (("--set", "tresholds.memory.requests=1%"), "did you mean"),
        (("--add-nodes", "many"), "is not NUMBER=MEMORY"),
        (("--add-nodes", "3=32Gi,gpu=1"), "is not NUMBER=MEMORY"),
        (("--without-node", "node-9"), "there is no node node-9"),
        (("--without-zone", "z"), "no node has the label"),
        (("--drain", "node-9"), "there is no node node-9"),
    ],
)
def test_what_is_wrong_usage(server: str, arguments: tuple[str, ...], said: str) -> None:
    result = run(server, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_logged_decisions_are_made_again(server: str, tmp_path: Path) -> None:
    line = decision(
        kind="Pod", mode="enforce", decision="deny", short_sums=["cluster/memory-requests"], asked_limits_bytes=None,
        asked_requests_bytes=1 << 30, committed_requests_bytes=18 << 30, allocatable_bytes=24 << 30,
        asked_requests_millicores=0,
    )  # fmt: skip
    log = tmp_path / "audit.jsonl"
    log.write_bytes(text(line) + text(line)[:-30])
    result = run(server, "--set", "thresholds.memory.requests=90%", "--replay", str(log))
    assert result.exit_code == 0
    assert "Of 1 logged decision, 1 would be different." in result.stdout
    assert "shop       Deployment/web          1  refused  admitted" in result.stdout
    assert "1 lines are damaged, and left out." in result.stderr
    said = json.loads(run(server, "--replay", str(log), "-o", "json").stdout)
    assert (said["replay"]["changed"], said["over"]) == (0, [])
    near = text(line | {"decision": "warn", "reason": "NearBound", "committed_requests_bytes": 16 << 30})
    log.write_bytes(near)
    assert run(server, "--set", "thresholds.memory.requests=60%", "--replay", str(log)).exit_code == 1
