"""Evaluations: what a review asks for, and which reviews are answered without the ledger."""

from typing import Any

import pytest

from tests.support.accounts import GI, config
from tests.support.sample_reviews import asking, body, sample
from tests.unit.core.quotas.making import a_quota
from webhook.core.config.types import Answer, Mode
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import Way
from webhook.core.reviews.evaluation import Evaluation, asked_of_quotas, evaluate, foreseen
from webhook.core.reviews.review import AdmissionRequest, decode, decode_of_pod
from webhook.core.reviews.verdict import Decision, Reason, Verdict


def asked(request: AdmissionRequest, settings: str = "") -> Evaluation:
    found = evaluate(request, AccountingRules(config(settings)))
    assert isinstance(found, Evaluation)
    return found


def answered(request: AdmissionRequest, settings: str = "") -> Verdict:
    found = evaluate(request, AccountingRules(config(settings)))
    assert isinstance(found, Verdict)
    return found


def test_a_pod_is_asked_for_under_its_name_and_uid() -> None:
    found = asked(decode(sample("pod-of-a-replicaset")))
    info = found.info
    assert (info.name, info.uid) == ("shop/frontend-7c9d8b6f5d-x2x7k", "b2d6f7a4-6f0a-4a39-9a5d-3f0c5b0e7d21")
    assert (info.footprint.memory_requests, info.revision, info.counts) == (128 << 20, 0, True)
    assert (found.mode, found.exempt, found.forced, found.form.decision) == (Mode.ENFORCE, None, False, Decision.ALLOW)


@pytest.mark.parametrize("settings", ["", "mode: warn", "unplaceable: deny", "missingLimits: deny"])
def test_a_pod_of_a_manifest_is_evaluated_as_its_create_would_be(settings: str) -> None:
    created = asked(asking(), settings)
    of_manifest = foreseen(created.pod, created.info.name, AccountingRules(config(settings)))
    for found in (created, of_manifest):
        assert (found.mode, found.exempt, found.form) == (created.mode, None, created.form)
        assert found.unplaceable is (Answer.DENY if "unplaceable" in settings else Answer.WARN)
    assert of_manifest.info.footprint == created.info.footprint


def test_a_pod_that_selects_its_nodes_is_confined_to_them() -> None:
    found = asked(decode(sample("generated-name-under-dry-run")))
    assert found.info.confined_to == (Way((("kubernetes.io/arch", "arm64"), ("pool", "high-mem"))),)


@pytest.mark.parametrize(
    ("request_name", "metadata", "name"),
    [
        ("web-7", {"name": ""}, "default/web-7"),
        ("", {"name": "web-7"}, "default/web-7"),
        ("", {"name": "", "generateName": "web-"}, "default/web-review-1"),
    ],
)
def test_a_review_made_by_hand_may_lack_what_the_api_server_fills_in(
    request_name: str, metadata: dict[str, Any], name: str
) -> None:
    request = asking(name=request_name, metadata={"uid": ""} | metadata)
    info = asked(request).info
    assert (info.name, info.uid) == (name, "review-1")


def test_a_pod_that_a_mutating_webhook_renamed_is_held_under_the_name_that_it_comes_by() -> None:
    """The request keeps the name that was asked for; two pods of one such name both come, and both must cost."""
    info = [asked(asking(name="web", metadata={"name": name})).info for name in ("web-a", "web-b")]
    assert [each.name for each in info] == ["default/web-a", "default/web-b"]


@pytest.mark.parametrize("name", ["deployment", "scale-of-a-deployment"])
def test_what_is_no_pod_is_not_judged_and_the_webhooks_rules_are_blamed(name: str) -> None:
    verdict = answered(decode(sample(name)))
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.NOT_JUDGED)
    assert verdict.detail.endswith("limit the webhook's rules to pods")


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
def test_what_creates_nothing_commits_nothing(operation: str) -> None:
    verdict = answered(asking(operation=operation, object=None))
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.NOT_JUDGED)
    assert verdict.detail == f"{operation} commits nothing new"


def test_a_pod_that_cannot_be_read_is_refused_with_the_place_of_the_fault() -> None:
    verdict = answered(asking("12Q"))
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.INVALID)
    assert verdict.detail.startswith('spec.containers[0].resources.requests.memory: "12Q" is not a quantity')
    assert answered(asking(object=None)).detail == "object: expected object, got null"


@pytest.mark.parametrize(
    ("mode", "exempt", "forced"),
    [("enforce", False, False), ("enforce", True, True), ("warn", False, True), ("audit", False, True)],
)
def test_a_pod_is_forced_where_policy_lets_it_in_whatever_the_account_says(
    mode: str, exempt: bool, forced: bool
) -> None:
    found = asked(asking(namespace="kube-system" if exempt else "default"), f"mode: {mode}")
    assert (found.mode.value, found.exempt is not None, found.forced) == (mode, exempt, forced)


def test_the_policy_is_that_of_the_requests_namespace() -> None:
    overrides = "overrides: [{namespaces: [dev-*], mode: warn, missingRequests: deny}]"
    inside, outside = asking(None, namespace="dev-1"), asking(None, namespace="prod")
    assert (asked(inside, overrides).mode, asked(inside, overrides).form.decision) == (Mode.WARN, Decision.WARN)
    assert (asked(outside, overrides).mode, asked(outside, overrides).form.decision) == (Mode.ENFORCE, Decision.ALLOW)


LIMITED: dict[str, Any] = {"name": "a", "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}}


@pytest.mark.parametrize(
    ("spec", "missing_requests", "missing_limits"),
    [
        ({"containers": [{"name": "a"}]}, True, True),
        ({"containers": [{"name": "a", "resources": {"requests": {"memory": "1Gi"}}}]}, False, True),
        ({"containers": [{"name": "a", "resources": {"limits": {"memory": "1Gi"}}}]}, True, False),
        ({"containers": [{"name": "a"}, {"name": "b", "resources": {"requests": {"memory": "1"}}}]}, False, True),
        ({"containers": [{"name": "a"}], "overhead": {"memory": "1Gi"}}, True, True),
        ({"containers": [LIMITED], "initContainers": [{"name": "init"}]}, False, True),
        ({"containers": [LIMITED], "initContainers": [{"name": "init", "restartPolicy": "Always"}]}, False, True),
        ({"containers": [LIMITED], "initContainers": [LIMITED | {"name": "init"}]}, False, False),
        (
            {"containers": [LIMITED], "initContainers": [{"name": "init"}], "resources": LIMITED["resources"]},
            False,
            False,
        ),
        (
            {"containers": [{"name": "a"}], "resources": {"limits": {"memory": "1"}, "requests": {"memory": "1"}}},
            False,
            False,
        ),
    ],
)
def test_what_a_pod_leaves_unsaid(spec: dict[str, Any], missing_requests: bool, missing_limits: bool) -> None:
    for settings, missing in (("missingRequests: deny", missing_requests), ("missingLimits: deny", missing_limits)):
        form = asked(asking(spec=spec), settings).form
        assert (form.decision is Decision.DENY) is missing


def test_the_amounts_are_those_of_the_footprint() -> None:
    assert asked(asking("2Gi")).info.footprint.memory_limits == 2 * GI


# -- quotas ----------------------------------------------------------------------------------------------------------


def test_quotas_are_asked_about_the_pod_as_it_came_in() -> None:
    review = sample("pod-of-a-replicaset")
    quota = a_quota("q", {"pods": "0"}, namespace="shop")
    told = asked_of_quotas(asked(decode_of_pod(review)), [quota], review)
    assert told.quota == "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"


def test_quotas_are_asked_about_what_a_resize_adds() -> None:
    review = sample("resize-of-a-pod")
    found = asked(decode_of_pod(review))
    grown = asked_of_quotas(found, [a_quota("q", {"requests.memory": "1"})], review)
    assert grown.quota.startswith("exceeded quota: q, requested: requests.memory=")
    assert asked_of_quotas(found, [a_quota("q", {"pods": "0"})], review) is found


def test_quotas_are_not_asked_about_another_change_of_a_pod() -> None:
    found = asked(asking())
    changed = body(kind={"version": "v1", "kind": "Pod"}, operation="UPDATE", namespace="default", object={})
    assert asked_of_quotas(found, [a_quota("q", {"pods": "0"})], changed) is found


@pytest.mark.parametrize("spec", [{"activeDeadlineSeconds": "soon"}, {"overhead": {"example.com/gpu": "many"}}])
def test_what_no_api_server_lets_in_no_quota_is_asked_about(spec: dict[str, Any]) -> None:
    found = asked(asking(spec=spec))
    made = {"spec": {"containers": [], **spec}}
    whole = body(kind={"version": "v1", "kind": "Pod"}, operation="CREATE", namespace="default", object=made)
    assert asked_of_quotas(found, [a_quota("q", {"requests.example.com/gpu": "0"})], whole) is found
