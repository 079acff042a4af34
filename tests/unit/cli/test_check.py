"""`headroom check`: files in, verdicts out."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from tests.support.manifests import deployment
from webhook.cli.main import main


def run(server: str, *arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["check", "--server", server, *map(str, arguments)], input=given)


def test_all_fit(server: str) -> None:
    result = run(server, "-f", "-", given=deployment("other", 3, "2Gi"))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "All 3 pods fit."


def test_the_first_that_does_not_fit(server: str) -> None:
    result = run(server, "-f", "-", given=deployment("other", 4, "2Gi"))
    assert result.exit_code == 1
    first, _, titles, row, _, why = result.stdout.splitlines()
    assert first == "Not all pods fit: pod 4 of 4 of Deployment/other would be refused."
    assert titles.split() == ["NAMESPACE", "OBJECT", "THERE", "MISSING", "FIT", "REQUESTS", "LIMITS", "REASON"]
    assert row.split() == ["default", "Deployment/other", "0/4", "4", "3", "2Gi", "2Gi", "MemoryCommitmentExceeded"]
    assert why.startswith("Deployment/other: pod default/other exceeds the cluster's memory headroom: it adds 2Gi")


def test_what_is_there_is_not_missing(server: str) -> None:
    result = run(server, "-f", "-", given=deployment("web", 12, "1Gi"))
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "Nothing is missing: all these pods are there.")


def test_folders_and_formats(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(deployment("a", 1, "1Gi"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "b.yml").write_text(deployment("b", 1, "1Gi"))
    (tmp_path / "notes.txt").write_text("no manifest")
    assert len(json.loads(run(server, "-f", tmp_path, "-o", "json").stdout)["items"]) == 1
    assert len(json.loads(run(server, "-f", tmp_path, "-R", "-o", "json").stdout)["items"]) == 2


def test_what_cannot_be_read_is_said_and_is_not_a_yes(server: str) -> None:
    result = run(server, "-f", "-", given="kind: Pod")
    assert result.exit_code == 1
    assert "Error: " in result.stderr


def test_too_many_pods_are_wrong_usage(server: str) -> None:
    result = run(server, "-f", "-", given=deployment("web", 30_000, "1Gi"))
    assert result.exit_code == 2
    assert "more than 20000 pods" in result.stderr
