"""`headroom report`: what it prints, in every form, and its exit codes."""

import csv
import json
from io import StringIO

import pytest
import yaml
from click.testing import CliRunner, Result

from webhook.cli.main import main

VERDICT = "Room for 6Gi of requests."


def run(server: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", "--server", server, *arguments])


def test_the_first_line_is_the_verdict_and_all_lines_fit_80_columns(server: str) -> None:
    result = run(server)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == VERDICT
    assert lines[2].startswith("cluster  requests  ")
    assert lines[2].endswith("6Gi free  12Gi of 18Gi  75%")
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("by", "first", "row"),
    [
        ("node", "NODE", "node-1"),
        ("namespace", "NAMESPACE", "default"),
        ("workload", "NAMESPACE", "default    Deployment/web"),
        ("pod", "NAMESPACE", "default    web-0"),
    ],
)
def test_by(server: str, by: str, first: str, row: str) -> None:
    verdict, _, titles, *rows = run(server, "--by", by).stdout.splitlines()
    assert verdict == VERDICT
    assert titles.startswith(first)
    assert rows[0].startswith(row)


def test_by_a_label_of_nodes(server: str) -> None:
    assert "POOL" in run(server, "--by", "example.com/pool").stdout


def test_without_titles_wide_and_with_labels(server: str) -> None:
    assert "NODE" not in run(server, "--by", "node", "--no-headers").stdout
    assert "CPU REQUESTS" in run(server, "--by", "node", "-o", "wide").stdout
    assert "ZONE" in run(server, "--by", "node", "-L", "topology.kubernetes.io/zone").stdout


def test_for_programs(server: str) -> None:
    assert json.loads(run(server, "-o", "json").stdout)["scopes"][0]["memory"]["requests"]["free"] == 6 << 30
    assert yaml.safe_load(run(server, "-o", "yaml", "--by", "node").stdout)["items"][0]["name"] == "node-1"
    rows = list(csv.DictReader(StringIO(run(server, "-o", "csv", "--by", "pod").stdout)))
    assert len(rows) == 12
    page = run(server, "-o", "html", "--by", "namespace").stdout
    assert page.startswith("<!doctype html>")
    assert VERDICT in page


def test_sorted_and_filtered_by_the_server(server: str) -> None:
    names = [
        row["name"] for row in json.loads(run(server, "--by", "node", "--sort-by=-name", "-o", "json").stdout)["items"]
    ]
    assert names == ["node-3", "node-2", "node-1"]
    assert json.loads(run(server, "--by", "node", "--over", "-o", "json").stdout)["items"] == []
    assert json.loads(run(server, "--by", "pod", "-n", "other", "-o", "json").stdout)["items"] == []


def test_what_cannot_be_asked_is_wrong_usage(server: str) -> None:
    result = run(server, "--by", "node", "--sort-by=nam")
    assert result.exit_code == 2
    assert "did you mean 'name'" in result.stderr


def test_no_answer_is_3() -> None:
    result = run("http://127.0.0.1:1")
    assert result.exit_code == 3
    assert "is Headroom there?" in result.stderr
    assert run("127.0.0.1:1").exit_code == 3
