"""Early verdicts: what a namespace's policy makes of the forecast for a workload.

The pods are judged one by one later, whatever the early verdict is. So it never refuses what the pod webhook would
admit: nothing where the mode is not enforce, no edit that only asks for less, and no update that can do without its
surge.
"""

from typing import NamedTuple

from msgspec import structs

from webhook.core.config.config import HeadroomConfig, Policy
from webhook.core.config.types import Answer, Exempt, Mode
from webhook.core.forecast.fit import Foresight, Obstacle
from webhook.core.forecast.messages import (
    advice,
    detail,
    exceeding,
    form_warning,
    unplaceable_detail,
    unplaceable_warning,
    warning,
)
from webhook.core.forecast.plan import KINDS, Plan
from webhook.core.ledger.places import Lacking
from webhook.core.pods.footprint import asks_for_memory, lacks_memory_limit
from webhook.core.reviews.messages import NO_HELP, Help
from webhook.core.reviews.response import respond
from webhook.core.reviews.review import AdmissionRequest, AdmissionResponse
from webhook.core.reviews.verdict import Decision, Reason, Verdict, judge_form, judge_placing, refuse

_SCALED = {"deployments": "Deployment", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet"}


class EarlyVerdict(NamedTuple):
    """A verdict and, unless nothing is said, its warning; `advice` says in one more what to do, or what comes of it."""

    verdict: Verdict
    warning: str = ""
    advice: str = ""


SILENT = EarlyVerdict(Verdict(Decision.ALLOW, Reason.FITS))


def about_workload(request: AdmissionRequest) -> AdmissionRequest | None:
    """Return a request about a workload, or about its `scale`, as one about the workload; None for any other."""
    kind = _SCALED.get(request.resource.resource) if request.sub_resource == "scale" else request.kind.kind
    if kind not in KINDS or request.sub_resource not in {"", "scale"}:
        return None
    return structs.replace(request, kind=structs.replace(request.kind, kind=kind), sub_resource="")


def wanted(kind: str, namespace: str, config: HeadroomConfig) -> bool:
    """Say whether there can be an early verdict on this kind of workload in this namespace."""
    policy, exempt = config.policy(namespace), config.exempt
    if policy.workloads is Answer.ALLOW or policy.mode is Mode.AUDIT or exempt.covers_namespace(namespace):
        return False
    return not (kind == "DaemonSet" and exempt.covers_daemon_sets(namespace))  # its pods are exempt, however many


def excused(plan: Plan, namespace: str, exempt: Exempt) -> bool:
    """Say whether the plan's pods are exempt by their priority class, so that they are never refused."""
    return exempt.covers_priority_class(plan.new.spec.priority_class_name, namespace)


def early(
    plan: Plan, found: Foresight | None, namespace: str, config: HeadroomConfig, lacking: Lacking | None = None
) -> EarlyVerdict:
    """Return the early verdict on a plan; `lacking` is what one of its pods asks that no node can hold."""
    policy = config.policy(namespace)
    form = judge_form(
        config,
        policy.mode,
        policy.missing_requests,
        unbounded=lacks_memory_limit(plan.new),
        no_request=policy.missing_requests is not Answer.ALLOW and not asks_for_memory(plan.new),
    )
    if form.decision is Decision.DENY:
        warned = structs.replace(form, decision=Decision.WARN)  # a LimitRange may still fill in what is missing
        return EarlyVerdict(warned, form_warning(form.reason, plan.course.come, plan.pods))
    verdict = SILENT.verdict if found is None else refuse(found.sums, policy.mode)
    placing = SILENT.verdict if lacking is None else judge_placing(policy.mode, policy.unplaceable, lacking)
    barred = placing.decision is Decision.DENY  # the pods are refused for this, whether there is room or not
    if found is not None and verdict.decision is Decision.DENY and _refused(plan, found, policy):
        why = unplaceable_detail(lacking) if lacking is not None and barred else ""
        return EarlyVerdict(structs.replace(verdict, detail=why + detail(found, plan.pods)))
    let_in = barred or found is None or found.fit > 0
    if lacking is not None and let_in and placing.reason is Reason.UNPLACEABLE:
        warned = structs.replace(placing, decision=Decision.WARN)
        return EarlyVerdict(warned, unplaceable_warning(lacking, plan.course.come, plan.pods))
    if found is None:
        return SILENT
    warned = structs.replace(verdict, decision=Decision.WARN)
    if policy.mode is Mode.WARN:
        return EarlyVerdict(warned, exceeding(found, plan.pods))
    return EarlyVerdict(warned, warning(found, plan.pods), advice(found, plan.controller))


def _refused(plan: Plan, found: Foresight, policy: Policy) -> bool:
    """Say whether `workloads: deny` refuses the edit."""
    return policy.workloads is Answer.DENY and found.obstacle is not Obstacle.SURGE and found.grows and not plan.mild


def reply(request: AdmissionRequest, said: EarlyVerdict, help_: Help = NO_HELP) -> AdmissionResponse:
    """Return the response, with the one warning of an early verdict."""
    response = respond(request, said.verdict, help_=help_)
    return structs.replace(response, warnings=tuple(filter(None, said[1:]))) if said.warning else response
