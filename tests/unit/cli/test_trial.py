"""`headroom trial`: audit logs in, a report out; the exit code says whether enforcing would have refused anything."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.unit.core.reporting.lines import decision, dropped, text
from webhook.cli.main import main


def run(*arguments: str | Path, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["trial", *map(str, arguments)], input=given)


def test_files_and_standard_input_are_added_up(tmp_path: Path) -> None:
    one, two = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    one.write_bytes(text(decision(1), decision(2)))
    two.write_bytes(text(decision(2, replica="headroom-2"), decision(3)))
    result = run(one, two, "-", "-o", "json", given=text(decision(4)))
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert (said["wouldBeRefused"], said["lines"]["read"], said["lines"]["repeated"]) == (4, 5, 1)
    assert said["owners"] == [
        {
            "namespace": "shop",
            "ownerKind": "Deployment",
            "ownerName": "web",
            "wouldBeRefused": 4,
            "reasons": {"MemoryCommitmentExceeded": 4},
            "askedRequestsBytes": 2 << 30,
            "askedLimitsBytes": 4 << 30,
            "first": "2026-01-02T03:04:01.250+00:00",
            "last": "2026-01-02T03:04:04.250+00:00",
            "peaks": said["peaks"],
        }
    ]
    over = {"sum": "cluster/memory-limits", "overByBytes": 5 << 30, "overByMillicores": None}
    assert said["peaks"] == [over | {"at": "2026-01-02T03:04:04.250+00:00"}]


def test_json_and_yaml_are_the_same_data(tmp_path: Path) -> None:
    given = text(decision(1), dropped(2))
    said = run("-", "-o", "json", given=given).stdout
    assert yaml.safe_load(run("-", "-o", "yaml", given=given).stdout) == json.loads(said)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (b"", 0),
        (text(decision(decision="allow", reason="Exempt")), 0),
        (text(decision()), 1),
        (text(decision())[:-30], 3),
        (text(dropped(1)), 3),
        (text(decision(decision="warn", reason="AccountUnavailable")), 3),
        (text(decision(), dropped(1)), 1),
    ],
)
def test_the_exit_code_says_whether_anything_would_have_been_refused(given: bytes, code: int) -> None:
    assert run("-", given=given).exit_code == code


def test_damage_is_counted_aside_and_the_rest_is_reported() -> None:
    result = run("-", given=text(decision(1)) + text(decision(2))[:100] + b"\n" + text(decision(3)))
    assert "would have refused 2 pods of 1 owner" in result.stdout
    assert result.stderr == "1 line damaged, and not counted: the answer may be too low\n"


@pytest.mark.parametrize("arguments", [(), ("missing.jsonl",), (".",), ("-", "-o", "xml")])
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_nothing_is_not_said_of_what_could_not_be_read() -> None:
    result = run("-", given=text(decision())[:-30])
    assert result.stdout == "mode enforce would have refused nothing of what could be read and judged\n"


def test_the_page_shows_what_the_command_shows() -> None:
    page = (Path(__file__).parents[3] / "docs" / "trial.md").read_text(encoding="utf-8")
    shown = page.partition("$ headroom trial audit.jsonl\n")[2].partition("```")[0]
    assert run("-", given=text(*map(decision, range(12)))).stdout == shown


def test_it_imports_no_server() -> None:
    code = "import sys, webhook.cli.trial; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"flask", "kubernetes", "urllib3", "prometheus_client"}.isdisjoint(done.stdout.split())
