"""A quota is judged as Kubernetes' own code does, to the letter: a twin held against the original, at random."""

import json

import pytest

from devcluster.binaries import RELEASES, Release
from tests.unit.core.quotas.samples import Case, many
from tests.unit.core.quotas.second_opinion import kubernetes_says
from webhook.core.pods.rules import NEWEST, Rules, chosen
from webhook.core.quotas.check import quota, refusal
from webhook.core.quotas.objects import read_pod, read_quota
from webhook.core.values.notation import quoted

BATCH = 8_000
UNUSABLE = "error matching scopes of quota "


def we_say(case: Case, rules: Rules = NEWEST) -> str:
    """What our own rule says against the pod."""
    pod, before, quotas = case
    taken = [quota(read_quota(json.dumps(each).encode())) for each in quotas]
    asked = read_pod(json.dumps(pod).encode())
    was = None if before is None else read_pod(json.dumps(before).encode())
    return refusal(taken, asked, was, rules)


def alike(said: str) -> str:
    """Leave out what Go prints of its own types where a quota is unusable."""
    return said.partition(", err: ")[0] if said.startswith(UNUSABLE) else said


@pytest.mark.long
@pytest.mark.parametrize("version", RELEASES, ids=lambda version: version.minor)
def test_no_difference_over_many_random_pods_and_quotas(version: Release) -> None:
    batch, rules = many(BATCH), (chosen(version.version).rule_set,)
    theirs = kubernetes_says(batch, version)
    assert len(theirs) == BATCH
    assert not any(each.error for each in theirs)
    pairs = ((case, alike(we_say(case, rules)), alike(go.said)) for case, go in zip(batch, theirs, strict=True))
    differences = [(case.json, ours, go) for case, ours, go in pairs if ours != go]
    smallest = min(differences, key=lambda each: len(json.dumps(each[0])), default=None)
    assert smallest is None, f"{len(differences)} of {BATCH} differ, the smallest: {smallest}"


@pytest.mark.long
def test_the_random_cases_reach_every_part_of_the_rule() -> None:
    said = [we_say(case) for case in many(4000)]
    beginnings = ("exceeded quota: ", "failed quota: ", "status unknown for quota: ", UNUSABLE)
    shares = {each: sum(text.startswith(each) for text in said) for each in ("", *beginnings)}
    assert all(shares.values()), shares
    assert 400 < said.count("") < 3600
    assert shares["exceeded quota: "] > 400
    assert any("; " in text for text in said if text.startswith("failed quota: "))
    assert quoted("x" * 64) in " ".join(said)
