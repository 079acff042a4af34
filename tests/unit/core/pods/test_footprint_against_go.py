"""The footprint is what Kubernetes' own code says, version by version: a twin held against the original, at random."""

import json
from pathlib import Path

import msgspec
import pytest

from devcluster.binaries import RELEASES, Release
from tests.support.kubernetes_footprint import Footprint, Opinion, Sums, kubernetes_says
from tests.support.sample_pods import Json, many
from webhook.core.api.types import ContainerStatus, Pod, PodStatus, reader
from webhook.core.pods.defaults import with_defaults
from webhook.core.pods.footprint import explain, footprint
from webhook.core.pods.rules import KUBERNETES_1_37, KUBERNETES_1_38, RuleSet, chosen

BATCH = 20_000
BETA = Path(__file__).parents[3] / "data" / "kubernetes-1.38.0-beta.0.jsonl"

read_pod = reader(Pod)


def we_say(pod: Json, rule_set: RuleSet) -> Opinion:
    """Our own sums, in the shape of Go's answer."""
    read = read_pod(json.dumps(pod).encode())
    stands, filled_in = _sums(read, rule_set), _sums(with_defaults(read, rule_set), rule_set)
    return Opinion(stands.requests, stands.limits, filled_in)


def _sums(pod: Pod, rule_set: RuleSet) -> Footprint:
    ours = footprint(pod, (rule_set,))
    return Footprint(Sums(ours.memory_requests, ours.cpu_requests), Sums(ours.memory_limits, ours.cpu_limits))


@pytest.mark.long
@pytest.mark.parametrize("version", RELEASES, ids=lambda version: version.minor)
def test_no_difference_over_many_random_pods_with_their_status_and_their_defaults(version: Release) -> None:
    batch, rule_set = many(BATCH), chosen(version.version).rule_set
    assert rule_set.version == version.minor
    theirs = kubernetes_says(batch, version)
    assert len(theirs) == BATCH
    pairs = ((pod, we_say(pod, rule_set), go) for pod, go in zip(batch, theirs, strict=True))
    differences = [(pod, ours, go) for pod, ours, go in pairs if ours != go]
    smallest = min(differences, key=lambda each: len(json.dumps(each[0])), default=None)
    assert smallest is None, f"{len(differences)} of {BATCH} differ, the smallest: {smallest}"


def test_the_beta_of_1_38_counted_so_when_it_was_asked() -> None:
    """That version needs a newer Go than the others, so its answers are kept: `helpers.go` of v0.38.0-beta.0."""
    lines = [json.loads(line) for line in BETA.read_text().splitlines()]
    for line in lines:
        assert we_say(line["pod"], KUBERNETES_1_38) == msgspec.convert(line["says"], Opinion), json.dumps(line["pod"])
    assert len(lines) == 150
    assert any(we_say(line["pod"], KUBERNETES_1_37) != we_say(line["pod"], KUBERNETES_1_38) for line in lines)


def test_the_versions_differ_over_the_random_pods() -> None:
    older, newer = (kubernetes_says(_SOME, version) for version in RELEASES)
    assert sum(a.as_it_stands != b.as_it_stands for a, b in zip(older, newer, strict=True)) > len(_SOME) // 10
    assert sum(a.defaulted != b.defaulted for a, b in zip(older, newer, strict=True)) > len(_SOME) // 10


_SOME = many(500)


def test_the_random_pods_reach_every_part_of_the_rule() -> None:
    batch = [read_pod(json.dumps(pod).encode()) for pod in many(1000)]
    taken = [explain(pod).memory for pod in batch]
    assert {each.requests.decisive for each in taken} == {"containers", "init", "status", "pod"}
    assert {each.is_unbounded for each in taken} == {True, False}
    assert any(each.requests.overhead and not each.limits.overhead for each in taken)
    assert any(each.requests.overhead_twice for each in taken)
    assert any(each.requests.claims for each in taken)
    assert {"Infeasible", "Deferred"} <= {condition.reason for pod in batch for condition in pod.status.conditions}
    orders = ["".join("s" if c.restart_policy == "Always" else "i" for c in pod.spec.init_containers) for pod in batch]
    assert all(any(part in order for order in orders) for part in ("is", "si", "isi", "ss", "ii"))
    reported: list[PodStatus | ContainerStatus] = [pod.status for pod in batch]
    reported += [status for pod in batch for status in pod.status.container_statuses]
    assert any(status.resources for status in reported)
    assert any(status.allocated_resources is not None for status in reported)
