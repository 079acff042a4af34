"""`headroom footprint`: files in, table, JSON or YAML out; the exit code says what went wrong."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from webhook.cli.main import main

DATA = Path(__file__).parents[2] / "data"
EVERY_KIND = DATA / "footprint.yaml"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s}
spec: {containers: [{name: app, resources: {requests: {memory: %s}}}]}
"""


def run(*arguments: str | Path, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["footprint", *map(str, arguments)], input=given)


def names(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [each["name"] for each in json.loads(result.stdout)]


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_every_kind_looks_as_it_did(output: str) -> None:
    result = run("-f", EVERY_KIND, "-o", output)
    assert result.exit_code == 0
    assert result.stdout == (DATA / f"footprint.{output}.txt").read_text()
    assert result.stderr == "skipped, because they commit no resources: 1 ConfigMap, 1 Service\n"


def test_json_and_yaml_are_the_same_data() -> None:
    said = run("-f", EVERY_KIND, "-o", "json").stdout
    assert yaml.safe_load(run("-f", EVERY_KIND, "-o", "yaml").stdout) == json.loads(said)


def test_the_reasons_can_be_left_out() -> None:
    whole = run("-f", EVERY_KIND).stdout
    table = run("-f", EVERY_KIND, "--no-why").stdout
    assert whole.startswith(f"{table}\n")
    assert len(table.splitlines()) == 7


def test_one_object_has_no_total() -> None:
    assert run("-f", "-", "--no-why", given=POD % ("one", "1Gi")).stdout.splitlines() == [
        "KIND  NAMESPACE  NAME  REPLICAS  MEMORY REQUESTS  MEMORY LIMITS  CPU REQUESTS  CPU LIMITS",
        "Pod   -          one   1         1Gi              no limit       0             no limit",
    ]


def test_standard_input_files_and_folders_in_the_order_they_are_named(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for path in ("b.yaml", "a.yml", "c.json", "not-a-manifest.txt", "inner/d.yaml"):
        text = json.dumps(yaml.safe_load(POD % (path, "1Gi"))) if path.endswith("json") else POD % (path, "1Gi")
        (tmp_path / path).write_text(text)
    piped = POD % ("piped", "1Gi")
    flat = run("-f", "-", "-f", tmp_path, "-o", "json", given=piped)
    assert names(flat) == ["piped", "a.yml", "b.yaml", "c.json"]
    assert names(run("-R", "-f", tmp_path, "-o", "json")) == ["a.yml", "b.yaml", "c.json", "inner/d.yaml"]
    assert names(run("-f", inner / "d.yaml", "-f", tmp_path / "a.yml", "-o", "json")) == ["inner/d.yaml", "a.yml"]


@pytest.mark.parametrize(("output", "text"), [("table", "nothing here commits anything\n"), ("json", "[]\n")])
def test_nothing_to_count(tmp_path: Path, output: str, text: str) -> None:
    assert run("-f", tmp_path, "-o", output).stdout == text


def test_what_cannot_be_read_is_1_and_named_and_the_rest_is_reported_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{POD % ('a', '1Gi')}---{POD % ('b', '1GB')}---{POD % ('c', 'two')}")
    (tmp_path / "b.yaml").write_text("kind: [")
    result = run("-f", tmp_path, "--no-why")
    assert result.exit_code == 1
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["NAME", "a"]
    path = "spec.containers[0].resources.requests.memory"
    assert [line[: line.index(" is no")] for line in result.stderr.splitlines()] == [
        f'Error: {tmp_path}/a.yaml: document 2: {path}: "1GB"',
        f'Error: {tmp_path}/a.yaml: document 3: {path}: "two"',
        f"Error: {tmp_path}/b.yaml: document 1:",
    ]
    unread = run("-f", "-", given="a: *b")
    assert "Error: standard input: document 1: " in unread.stderr
    assert unread.stdout == "nothing that was read here commits anything\n"
    assert "document 1: apiVersion is missing\n" in run("-f", "-", given="kind: Pod").stderr


def test_what_the_input_has_several_times_is_counted_as_often_and_told_once() -> None:
    pod = POD % ("web", "1Gi")
    result = run("-f", "-", "--no-why", given=f"{pod}---{pod}---{POD % ('other', '1Gi')}")
    assert result.stderr == "Warning: Pod web: occurs twice, and is counted twice\n"
    assert result.stdout.splitlines()[-1].split()[1] == "3Gi"


@pytest.mark.parametrize("arguments", [(), ("-f",), ("-f", "/not/there"), ("-f", "-", "-o", "csv"), ("web.yaml",)])
def test_wrong_usage_is_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_names_that_could_write_on_a_terminal_are_escaped() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a\x1b[2J\nb"},
        "spec": {"containers": [{"name": "c"}]},
    }
    other = {"apiVersion": "v1", "kind": "Ser\x1b[2Jvice"}
    result = run("-f", "-", given=f"{json.dumps(pod)}{json.dumps(other)}")
    assert "\x1b" not in result.output
    assert "a\\x1b[2J\\nb" in result.stdout


def test_the_manifests_that_are_shipped_can_be_read() -> None:
    result = run("-f", DATA.parents[1] / "manifests" / "base", "-o", "json")
    assert names(result) == ["headroom"]


ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  replicas: 2
  template: {spec: {containers: [{name: app, resources: {limits: {memory: 1Gi}}}]}}
"""


def test_kinds_that_may_create_pods_are_named_with_their_group_and_looked_into_on_request() -> None:
    unread = run("-f", "-", "--no-why", given=ROLLOUT)
    assert unread.stdout == "nothing that was read here commits anything\n"
    assert "not read here, though they may create pods" in unread.stderr
    assert unread.stderr.endswith(": 1 Rollout.argoproj.io\n")
    guessed = run("-f", "-", "--no-why", "--guess", given=ROLLOUT)
    assert guessed.stderr == ""
    assert guessed.stdout.splitlines()[1].split()[:6] == ["Rollout", "-", "web", "2", "2Gi", "2Gi"]


def test_what_a_controller_of_the_input_made_and_what_is_hardly_meant_are_said_aside() -> None:
    made = """
apiVersion: v1
kind: Pod
metadata: {name: web-1, uid: b, ownerReferences: [{kind: ReplicaSet, name: web, uid: a, controller: true}]}
spec: {containers: [{name: app, resources: {limits: {memory: 128m}}}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web, uid: a}
spec: {template: {spec: {containers: [{name: app, resources: {limits: {memory: 128m}}}]}}}
"""
    result = run("-f", "-", "--no-why", given=made)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[:3] == ["ReplicaSet", "-", "web"]
    aside, warning = result.stderr.splitlines()
    assert aside == "counted with the controller that made them: 1 Pod"
    assert warning.startswith("Warning: ReplicaSet web: spec.template.spec.containers[0].resources.limits.memory: ")
    assert "1 byte " in result.stdout
