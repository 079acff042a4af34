"""Early answers: what is said and what is refused, by the policy of the namespace."""

from typing import Any

import pytest

from tests.support.accounts import config, node
from tests.support.sample_reviews import body
from tests.support.workloads import Json, Pods, ledger_of, template, workload
from webhook.core.api.workloads import Workload
from webhook.core.forecast.fit import foresee, infos_of, lacking, look
from webhook.core.forecast.plan import KINDS, Edit, plan
from webhook.core.forecast.verdict import SILENT, EarlyVerdict, about_workload, early, excused, reply, wanted
from webhook.core.ledger.ledger import Ledger
from webhook.core.pods.defaults import pod_of
from webhook.core.reviews.review import AdmissionRequest, decode
from webhook.core.reviews.verdict import Decision, Reason

DENY = "workloads: deny"
CRITICAL = "exempt: {priorityClasses: [vital], priorityClassNamespaces: [ops]}"


def asked(kind: str, sub_resource: str = "", resource: str = "", **request: Any) -> AdmissionRequest:
    group = {"group": "apps", "version": "v1"}
    named = {"kind": {**group, "kind": kind}, "resource": {**group, "resource": resource}, "subResource": sub_resource}
    return decode(body(**named, namespace="default", name="web", **request))


def said(of: Ledger, settings: str, kind: str, new: Workload, old: Workload | None = None) -> EarlyVerdict:
    made = plan(kind, Edit(new, old))
    assert made is not None
    info = infos_of("default", made)
    found = foresee(made, look(of, *info), refused="mode" not in settings)
    return early(made, found, "default", config(settings), lacking(of, made, info[0]))


def full(pods: int) -> Ledger:
    of = ledger_of(pods * 512)
    Pods(of, pod_of(workload().spec.template), "web").come(pods)
    return of


# -- what is asked about -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_workload_is_asked_about_as_it_is(kind: str) -> None:
    assert about_workload(asked(kind)) == asked(kind)


@pytest.mark.parametrize(
    ("resource", "kind"),
    [("deployments", "Deployment"), ("replicasets", "ReplicaSet"), ("statefulsets", "StatefulSet")],
)
def test_whoever_scales_asks_about_the_workload(resource: str, kind: str) -> None:
    request = about_workload(asked("Scale", "scale", resource))
    assert request is not None
    assert (request.what, request.name) == (kind, "web")


@pytest.mark.parametrize(
    "request_", [asked("Pod"), asked("Scale", "scale", "replicationcontrollers"), asked("Deployment", "status")]
)
def test_anything_else_is_not_ours(request_: AdmissionRequest) -> None:
    assert about_workload(request_) is None


@pytest.mark.parametrize(
    ("settings", "kind", "expected"),
    [
        ("", "Deployment", True),
        ("mode: warn", "Deployment", True),
        (DENY, "Deployment", True),
        ("mode: audit", "Deployment", False),
        ("workloads: allow", "Deployment", False),
        ("overrides: [{namespaces: [default], workloads: allow}]", "Deployment", False),
        ("overrides: [{namespaces: [default], mode: audit}]", "Deployment", False),
        ("exempt: {namespaces: [default]}", "Deployment", False),
        ("", "DaemonSet", True),
        ("exempt: {daemonSets: [kube-system, default]}", "DaemonSet", False),
        ("exempt: {daemonSets: true}", "DaemonSet", False),
        ("exempt: {daemonSets: true}", "Deployment", True),
    ],
)
def test_where_there_may_be_something_to_tell(settings: str, kind: str, expected: bool) -> None:
    assert wanted(kind, "default", config(settings)) is expected


def test_pods_of_an_exempt_class_are_excused_only_where_the_class_is() -> None:
    made = plan("Deployment", Edit(workload(1, template(priorityClassName="vital")), None))
    assert made is not None
    assert [excused(made, namespace, config(CRITICAL).exempt) for namespace in ("ops", "default")] == [True, False]


# -- what is said ------------------------------------------------------------------------------------------------------


def test_what_fits_is_silent() -> None:
    assert said(ledger_of(1024), DENY, "Deployment", workload(2)) == SILENT


@pytest.mark.parametrize(
    ("settings", "decision"),
    [
        ("", Decision.WARN),
        (DENY, Decision.DENY),
        (f"mode: warn\n{DENY}", Decision.WARN),
        ("overrides: [{namespaces: [default], workloads: deny}]", Decision.DENY),
        (f"overrides: [{{namespaces: [default], workloads: warn}}]\n{DENY}", Decision.WARN),
    ],
)
def test_what_does_not_fit_gets_a_word_or_a_refusal(settings: str, decision: Decision) -> None:
    found = said(ledger_of(1024), settings, "Deployment", workload(3))
    assert (found.verdict.decision, found.verdict.reason) == (decision, Reason.MEMORY)
    let_in = "1 of 3 replicas exceeds the memory requests threshold (mode warn: admitted anyway)"
    told = let_in if settings.startswith("mode: warn") else "only 2 of 3 replicas fit: "
    assert found.warning.startswith("" if decision is Decision.DENY else told)
    assert bool(found.warning) is (decision is Decision.WARN)
    assert bool(found.verdict.detail) is (decision is Decision.DENY)


ROLLING = workload(4, template(image="b")), workload(4, status={"replicas": 4})
STALLING = workload(3, template(image="b")), workload(3, status={"replicas": 3})
NEVER_REFUSED = {
    "fewer than before": (full(2), "Deployment", workload(3), workload(4, status={"replicas": 2})),
    "a surge that the update does without": (full(4), "Deployment", *ROLLING),
    "a run that comes later": (
        ledger_of(512),
        "CronJob",
        workload(jobTemplate={"spec": {"template": template(1024)}}),
        None,
    ),
}


@pytest.mark.parametrize("case", NEVER_REFUSED.values(), ids=NEVER_REFUSED)
def test_these_get_a_word_at_the_most(case: tuple[Ledger, str, Workload, Workload | None]) -> None:
    of, kind, new, old = case
    found = said(of, DENY, kind, new, old)
    assert found.verdict.decision is Decision.WARN
    assert found.warning


def test_who_raises_nothing_is_not_refused_where_everything_is_over() -> None:
    of = full(4)
    of.node_gone("a", 1.0)
    of.tick(10_000.0)
    recreated = workload(4, template(image="b"), strategy={"type": "Recreate"})
    assert said(of, DENY, "Deployment", recreated, ROLLING[1]).verdict.decision is Decision.WARN


def shrunk(pods: int, room: int) -> Ledger:
    """An account that such pods of 512Mi fill past the bound, which is room for so many."""
    of = full(pods)
    of.relist_nodes([node("a", room / 2)], 1.0)
    return of


SMALLER = workload(4, template(256), strategy={"type": "Recreate"}), workload(4, status={"replicas": 4})


@pytest.mark.parametrize("settings", ["", DENY])
def test_a_recreate_to_smaller_pods_passes_where_everything_is_over(settings: str) -> None:
    assert said(shrunk(4, 2), settings, "Deployment", *SMALLER) == SILENT, "four smaller ones fit"
    found = said(shrunk(4, 1), settings, "Deployment", *SMALLER)
    assert found.verdict.decision is Decision.WARN, "it raises nothing"
    assert found.warning.startswith("only 2 of 4 replicas fit, and 2 running pods go: ")


@pytest.mark.parametrize("replicas", [3, 30])
def test_where_everything_is_over_none_fit_and_never_fewer(replicas: int) -> None:
    for of in (shrunk(4, 1), shrunk(4, 3)):
        found = said(of, DENY, "Deployment", workload(replicas))
        assert found.verdict.detail.startswith(f"none of {replicas} replicas would fit, ")
        assert said(of, "", "Deployment", workload(replicas)).warning.startswith(f"none of {replicas} replicas fit: ")
    surging = workload(4, template(image="b")), workload(4, status={"replicas": 4})
    assert said(shrunk(4, 3), "", "Deployment", *surging).warning.startswith("update stalls at 0 of 4 and takes ")


def test_a_template_with_limits_hears_nothing_where_they_are_demanded() -> None:
    for settings in ("missingLimits: deny", "missingRequests: deny", f"missingLimits: deny\n{DENY}"):
        assert said(ledger_of(1024), settings, "Deployment", workload(2)) == SILENT


def test_a_stall_is_told_where_pods_are_refused_and_not_where_they_are_let_in() -> None:
    told = said(full(3), "", "Deployment", *STALLING)
    assert told.warning.startswith("update stalls at 0 of 3: ")
    assert told.advice.startswith("set maxSurge: 0, ")
    let_in = said(full(3), "mode: warn", "Deployment", *STALLING)
    assert let_in.warning.startswith("1 of 1 surge pods exceeds ")
    assert not let_in.advice, "nobody has to try again"
    over = said(shrunk(4, 1), "mode: warn", "Deployment", *SMALLER)
    assert over.warning.startswith("2 of 4 replicas exceed "), "and all come"


def test_both_lines_are_in_the_answer() -> None:
    response = reply(asked("Deployment"), said(full(3), "", "Deployment", *STALLING))
    assert response.warnings == (
        "update stalls at 0 of 3: memory requests of the cluster, 512Mi each, 0 free",
        "set maxSurge: 0, ask for less memory, or raise thresholds.memory.requests",
    )


def test_an_update_that_would_stall_is_refused_with_the_way_out() -> None:
    found = said(full(3), DENY, "Deployment", *STALLING)
    assert found.verdict.decision is Decision.DENY
    assert found.verdict.detail.endswith("set maxSurge: 0")


@pytest.mark.parametrize(
    ("settings", "resources", "reason"),
    [
        ("missingLimits: deny", {"requests": {"memory": "1Mi"}}, Reason.MISSING_LIMITS),
        ("missingRequests: deny", {}, Reason.MISSING_REQUESTS),
    ],
)
def test_pods_that_are_refused_for_what_they_leave_unsaid_are_told_of_and_not_refused(
    settings: str, resources: Json, reason: Reason
) -> None:
    new = workload(3, {"spec": {"containers": [{"name": "a", "resources": resources}]}})
    found = said(ledger_of(1024), f"{settings}\n{DENY}", "Deployment", new)
    assert (found.verdict.decision, found.verdict.reason) == (Decision.WARN, reason)
    assert found.warning.startswith("none of 3 replicas get in: no memory ")
    assert said(ledger_of(1024), f"mode: warn\n{settings}", "Deployment", new) == SILENT


LARGE = workload(2, template(memory=1536))
WAITS = "none of 2 replicas can run now: one asks 1.5Gi, the largest it may use has 1Gi"


def in_three_parts() -> Ledger:
    """Three nodes of 1Gi."""
    of = ledger_of(1024)
    of.relist_nodes([node(name, 1) for name in ("a", "b", "c")], 0.0)
    return of


@pytest.mark.parametrize("answer", ["warn", "deny"])
def test_pods_that_no_node_can_hold_are_told_of(answer: str) -> None:
    found = said(in_three_parts(), f"unplaceable: {answer}", "Deployment", LARGE)
    assert (found.verdict.decision, found.verdict.reason) == (Decision.WARN, Reason.UNPLACEABLE)
    assert found.warning == WAITS
    assert said(in_three_parts(), "unplaceable: allow", "Deployment", LARGE) == SILENT


def test_where_only_some_would_be_let_in_none_of_which_can_run_that_is_what_is_said() -> None:
    many = workload(9, template(memory=1536))
    assert said(in_three_parts(), "", "Deployment", many).warning == WAITS.replace("2 replicas", "9 replicas")
    found = said(in_three_parts(), DENY, "Deployment", many)
    assert (found.verdict.decision, found.verdict.reason) == (Decision.DENY, Reason.MEMORY)


@pytest.mark.parametrize("replicas", [1, 3])
def test_where_pods_are_refused_since_no_node_can_hold_them_that_is_said_first(replicas: int) -> None:
    huge = workload(replicas, template(memory=5120))
    told = f"none of {replicas} replicas can run now: one asks 5Gi, the largest it may use has 1Gi"
    found = said(in_three_parts(), "unplaceable: deny", "Deployment", huge)
    assert (found.verdict.decision, found.verdict.reason, found.warning) == (Decision.WARN, Reason.UNPLACEABLE, told)
    exceeds = f"{replicas} of {replicas} replicas exceed"
    for settings, first in (("", f"none of {replicas} replicas fit: "), ("mode: warn\nunplaceable: deny", exceeds)):
        # where the sums come first, as they do for pods
        assert said(in_three_parts(), settings, "Deployment", huge).warning.startswith(first)
    refused = said(in_three_parts(), f"unplaceable: deny\n{DENY}", "Deployment", huge)
    assert (refused.verdict.decision, refused.verdict.reason) == (Decision.DENY, Reason.MEMORY)
    assert refused.verdict.detail == (
        "no node that counts now can hold one of its pods: it asks 5Gi, the largest it may use has 1Gi; "
        f"none of {replicas} replicas would fit, which workloads: deny refuses"
    )


def test_the_pods_of_a_daemon_set_are_measured_by_the_nodes_that_they_are_for() -> None:
    of = in_three_parts()
    large, small = node("large", 2, taints=frozenset({"node-role.kubernetes.io/control-plane"})), node("a", 1)
    there = [{"key": "node-role.kubernetes.io/control-plane"}]
    for nodes, tolerations, expected in (
        ((large, small), there, ""),
        ((large, small), [], "none of 1 pods can run now: one asks 1.5Gi, the largest it may use has 1Gi"),
    ):
        new = workload(0, template(memory=1536, tolerations=tolerations))
        made = plan("DaemonSet", Edit(new, None, nodes))
        assert made is not None
        info = infos_of("default", made)
        found = foresee(made, look(of, *info), refused=True)
        assert early(made, found, "default", config(), lacking(of, made, info[0])).warning == expected


# -- how it is said ----------------------------------------------------------------------------------------------------


def test_a_warning_lets_the_request_pass_and_leaves_the_facts_in_the_clusters_audit_log() -> None:
    response = reply(asked("Deployment"), said(ledger_of(1024), "", "Deployment", workload(3)))
    assert response.allowed
    assert response.warnings == (
        "only 2 of 3 replicas fit: memory requests of the cluster, 512Mi each, 1Gi free of 1Gi",
    )
    assert response.audit_annotations["decision"] == "warn"
    assert response.audit_annotations["asked"] == str(1536 << 20)


def test_a_refusal_is_403_and_says_what_to_do() -> None:
    response = reply(asked("Deployment"), said(ledger_of(1024), DENY, "Deployment", workload(3)))
    assert not response.allowed
    assert response.status is not None
    assert (response.status.code, response.status.reason) == (403, "Forbidden")
    assert response.status.message.startswith(
        "Deployment default/web exceeds the cluster's memory headroom (only 2 of 3 replicas would fit, "
    )
    assert not response.warnings


def test_silence_is_silent() -> None:
    response = reply(asked("Deployment"), SILENT)
    assert (response.allowed, response.warnings, response.audit_annotations) == (True, (), {})
