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


RUNNING = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
  - {name: app, resources: {requests: {memory: 100Mi}, limits: {memory: 200Mi}}}
  - {name: proxy, resources: {requests: {memory: 10Mi}}}
  overhead: {memory: 9Mi}
status:
  resources: {requests: {memory: 110Mi}}
  allocatedResources: {memory: 119Mi}
  nodeAllocatableResourceClaimStatuses:
  - {resourceClaimName: gpu, containers: [app], mapping: [{name: memory, quantity: 5Mi}], resources: {memory: 7Mi}}
"""


def counted(version: str, tmp_path: Path) -> str:
    (tmp_path / "web.yaml").write_text(RUNNING)
    told = CliRunner().invoke(main, ["footprint", "-f", str(tmp_path / "web.yaml"), "--kubernetes-version", version])
    assert told.exit_code == 0, told.output
    return told.output


@pytest.mark.parametrize(
    ("version", "requests", "limits"),
    [("1.36", "126Mi", "209Mi + no limit"), ("v1.37.2", "128Mi", "214Mi + no limit"), ("1.38", "128Mi", "no limit")],
)
def test_each_version_counts_by_its_own_rule(version: str, requests: str, limits: str, tmp_path: Path) -> None:
    (row,) = [line for line in counted(version, tmp_path).splitlines() if line.startswith("Pod ") and " 1 " in line]
    assert row.split("  ", 1)[1].split() == ["shop", "web", "1", requests, *limits.split(), "0", *("no", "limit")]


def test_an_overhead_that_counts_twice_and_what_a_claim_took_are_told(tmp_path: Path) -> None:
    twice = "its overhead counts twice in the memory requests, as the scheduler counts it"
    newer, older = counted("1.37", tmp_path), counted("1.36", tmp_path)
    assert twice in newer
    assert "kubernetes/kubernetes#139627" in newer
    assert "pod status" in newer
    assert twice not in older
    assert "claims" in older


def test_a_version_that_is_not_known_is_counted_like_the_last_and_said_so(tmp_path: Path) -> None:
    assert "Warning: 1.99 is not known here: counted like 1.38" in counted("1.99", tmp_path)
    (tmp_path / "web.yaml").write_text(RUNNING)
    told = CliRunner().invoke(main, ["footprint", "-f", str(tmp_path / "web.yaml"), "--kubernetes-version", "new"])
    assert told.exit_code == 2
    assert "is not a version of Kubernetes; write for example 1.37" in told.output


@pytest.mark.parametrize("version", ["1.36", "1.37", "1.38"])
def test_a_bad_quantity_of_a_status_is_a_fault_of_its_file_whoever_counts_it(version: str, tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(RUNNING.replace("requests: {memory: 110Mi}", "limits: {cpu: much}"))
    told = CliRunner().invoke(main, ["footprint", "-f", str(tmp_path / "web.yaml"), "--kubernetes-version", version])
    assert told.exit_code == 1
    assert 'status.resources.limits.cpu: "much" is not a quantity' in told.output
