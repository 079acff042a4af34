"""The script that holds `headroom footprint` against plain arithmetic: where they agree, and that it says where not."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support import public_manifests

CHECKOUT = Path(__file__).parents[2]
SHAPES = """
apiVersion: v1
kind: List
items:
- {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: each}, spec: {template: {spec: {containers: [
    {name: a, resources: {limits: {memory: 1e3, cpu: 1500u}}}, {name: b, resources: {requests: {memory: "0.5Ki"}}}]}}}}
- {apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {parallelism: 4, completions: 3, template: {spec: {
    containers: [{name: a, resources: {requests: {cpu: 1}}}]}}}}
---
{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": {"jobTemplate": {"spec": {"template": {
  "spec": {"resources": {"limits": {"memory": "2Gi"}}, "containers": [{"name": "a"}]}}}}}}
--- # a sidecar between init containers, and an overhead
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  overhead: {memory: 8Mi, cpu: 3m}
  initContainers:
  - {name: first, resources: {requests: {memory: 900Mi}, limits: {memory: 1Gi}}}
  - {name: side, restartPolicy: Always, resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}}
  - {name: last, resources: {requests: {memory: 1Gi, cpu: 2}}}
  containers:
  - {name: app, resources: {requests: {memory: 256M}, limits: {memory: 1.5Gi, cpu: 100m}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: none}
"""


def test_it_agrees_on_the_manifests_here_and_on_shapes_that_are_seldom_seen(tmp_path: Path) -> None:
    (tmp_path / "shapes.yaml").write_text(SHAPES)
    assert public_manifests.ours(tmp_path).total() == 4
    assert public_manifests.main([CHECKOUT / "manifests", CHECKOUT / "demo/manifests", tmp_path]) == 0


def test_it_says_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shapes.yaml").write_text(SHAPES)
    [one, *rest] = public_manifests.theirs(tmp_path)
    wrong = one._replace(requests=one.requests + 1)
    monkeypatch.setattr(public_manifests, "theirs", lambda _: Counter([wrong, *rest]))
    assert public_manifests.main([tmp_path]) == 1
    said = capsys.readouterr().out
    assert "2 differ" in said
    assert f"here: {one}" in said
    assert f"headroom: {wrong}" in said


def test_a_folder_without_any_is_no_proof(tmp_path: Path) -> None:
    assert public_manifests.main([tmp_path]) == 1
