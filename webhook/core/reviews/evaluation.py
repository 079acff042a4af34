"""Evaluations: what a review asks for, under the policy of its namespace; worked out without ledger and lock."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from webhook.core.api.types import LARGE, Annotations, ObjectError, OwnerReference, Pod, PodMeta, PodSpec
from webhook.core.config.config import HeadroomConfig, Policy
from webhook.core.config.types import Answer, Mode
from webhook.core.ledger.info import PodInfo, pod_info
from webhook.core.ledger.interval import UNBORN, Before
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import MOST_PIECES, pieces, ways
from webhook.core.pods.footprint import asks_for_memory, footprint, lacks_memory_limit
from webhook.core.pods.rules import NEWEST, Rules
from webhook.core.quotas.check import Quota, refusal
from webhook.core.quotas.objects import read_pod
from webhook.core.reviews.exemption import exemption
from webhook.core.reviews.forms import LONGEST_NAME, LONGEST_UID, LONGEST_WORD
from webhook.core.reviews.review import POD, AdmissionRequest, checked, decode, without_objects
from webhook.core.reviews.verdict import Decision, Reason, Verdict, judge_form
from webhook.core.values.amounts import Amounts
from webhook.core.values.notation import quoted
from webhook.core.values.quantity import QuantityError


class Unsaid(Struct, frozen=True, gc=False):
    """What a configuration may have a pod refused for, besides its size.

    A container has no memory limit (`unbounded`), nothing requests memory (`no_request`), or the pod's node selection
    has too many parts for pools (`too_large`).
    """

    unbounded: bool
    no_request: bool
    too_large: bool


class Evaluation(Struct, frozen=True, gc=False):
    """A review to create, resize, confine or bind a pod, with the policy of its namespace.

    `exempt` says why policy lets it in whatever is committed; None if it is not exempt. `form` is the verdict on what
    it leaves unsaid, such as limits. `unplaceable` is the policy for a pod that no node can hold. `quota` is what the
    ResourceQuotas of its namespace, as the watch has shown them, will say against it; empty if nothing.
    """

    request: AdmissionRequest
    pod: Pod
    info: PodInfo
    mode: Mode
    exempt: str | None
    form: Verdict
    unplaceable: Answer = Answer.ALLOW
    quota: str = ""
    unsaid: Unsaid | None = None  # set by `kept`, in place of the pod's containers

    @property
    def forced(self) -> bool:
        """Say whether policy lets the pod in, whatever is committed."""
        return self.exempt is not None or self.on_trial

    @property
    def on_trial(self) -> bool:
        """Say whether the mode is warn or audit: the pod is admitted once it is known what enforce would say."""
        return self.exempt is None and self.mode is not Mode.ENFORCE

    def kept(self, rules: Rules) -> "Evaluation":
        """Return the evaluation without the objects, which are judged already: it may wait, together with many others.

        What is kept of the pod says about which owner to write an Event, until when the API server waits, and how the
        pod would be judged under another configuration (`again`). `rules` are those by which it was evaluated.
        """
        meta, spec = self.pod.metadata, self.pod.spec
        owners = tuple(_cut(each) for each in meta.owner_references if each.controller)[:1]
        mirror = Annotations(mirror=None if meta.annotations.mirror is None else "")
        created = meta.creation_timestamp[:_TIMESTAMP]
        unsaid = Unsaid(
            lacks_memory_limit(self.pod, self.info.footprint if self.info.before == UNBORN else None, rules),
            not asks_for_memory(self.pod, rules),
            not spec.node_name and pieces(spec) > MOST_PIECES,
        )
        pod = Pod(
            PodMeta(owner_references=owners, creation_timestamp=created, annotations=mirror),
            PodSpec(node_name=spec.node_name, priority_class_name=spec.priority_class_name),
        )
        return replace(self, request=without_objects(self.request), pod=pod, unsaid=unsaid)


_TIMESTAMP = 40  # characters; RFC 3339 takes 20


def _cut(owner: OwnerReference) -> OwnerReference:
    """Cut fields whose length no API server limits; a field that was cut stays longer than any valid one."""
    return OwnerReference(
        owner.api_version[: LONGEST_NAME + LONGEST_WORD + 2],
        owner.kind[: LONGEST_WORD + 1],
        owner.name[: LONGEST_NAME + 1],
        owner.uid[: LONGEST_UID + 1],
        controller=True,
    )


def evaluate(request: AdmissionRequest, accounting: AccountingRules) -> Evaluation | Verdict:
    """Return what a review of a pod asks for, or a verdict if that does not depend on the ledger.

    Raises `ReviewError` for what no API server writes.
    """
    is_pod = request.is_pod
    if not (is_pod or request.is_resize):
        detail = f"Headroom judges pods, not {request.what}: limit the webhook's rules to pods"
        return Verdict(Decision.DENY, Reason.NOT_JUDGED, detail=detail)
    if request.operation != "UPDATE" and (request.operation != "CREATE" or not is_pod):
        return Verdict(Decision.ALLOW, Reason.NOT_JUDGED, detail=f"{request.operation} commits nothing new")
    config = accounting.config
    policy = config.policy(request.namespace)
    try:
        pod = request.pod()
        rules = accounting.rules
        info = _created(request, pod, rules) if request.operation == "CREATE" else _changed_to(request, pod, rules)
        if info.before != UNBORN and not _grows(info, accounting) and not _becomes_too_large(request, pod, config):
            return Verdict(Decision.ALLOW, Reason.FITS, policy.mode)
        form = _form(pod, info, accounting, policy)
    except ObjectError as error:
        return Verdict(Decision.DENY, Reason.INVALID, policy.mode, detail=str(error))
    exempt = exemption(request, pod, config.exempt)
    return Evaluation(request, pod, info, policy.mode, exempt, form, policy.unplaceable)


def again(kept: Evaluation, before: AccountingRules, now: AccountingRules) -> tuple[Evaluation, bool]:
    """Evaluate a review that waits under other accounting rules than before, and say whether that is complete.

    It is not if the pod may be counted otherwise or where it may go may matter now, which what was kept does not tell.
    Then only mode and exemption are right.
    """
    request, info, unsaid = kept.request, kept.info, kept.unsaid
    old, new = before.config, now.config
    policy = new.policy(request.namespace)
    if request.is_binding:  # the ledger says what it asks for, and of which class its pod is (binding.py)
        exempt = kept.exempt if new.exempt == old.exempt else None
        asked = replace(kept, mode=policy.mode, exempt=exempt)
        same = (old.pools, old.exempt, old.policy(request.namespace)) == (new.pools, new.exempt, policy)
        return asked, same and before.rules == now.rules
    form = Verdict(Decision.ALLOW, Reason.FITS, policy.mode)
    if new.pools and policy.mode is Mode.ENFORCE and unsaid is not None and unsaid.too_large:
        form = _too_large(policy)
    elif unsaid is not None and info.was_confined_to is None:
        no_request = policy.missing_requests is not Answer.ALLOW and unsaid.no_request
        form = _lacking(info, new, policy, unbounded=unsaid.unbounded, no_request=no_request)
    exempt = exemption(request, kept.pod, new.exempt)
    asked = replace(kept, mode=policy.mode, exempt=exempt, form=form, unplaceable=policy.unplaceable)
    return asked, before.rules == now.rules and bool(old.pools) == bool(new.pools)


def foreseen(pod: Pod, name: str, accounting: AccountingRules) -> Evaluation:
    """Return the evaluation that the create of a pod from a manifest would get; `name` is namespace/name.

    No user is known, so no exemption for what a controller or a kubelet makes applies. Raises `ObjectError`.
    """
    namespace, _, short = name.partition("/")
    request = AdmissionRequest(uid=name, kind=POD, operation="CREATE", namespace=namespace, name=short)
    info = pod_info(pod, name, name, at=0, user="", rules=accounting.rules)
    policy = accounting.config.policy(namespace)
    form = _form(pod, info, accounting, policy)
    exempt = exemption(request, pod, accounting.config.exempt)
    return Evaluation(request, pod, info, policy.mode, exempt, form, policy.unplaceable)


def asked_of_quotas(asked: Evaluation, quotas: Sequence[Quota], body: bytes, rules: Rules = NEWEST) -> Evaluation:
    """Return the evaluation with what quotas will say against the pod; `body` is the review that it came in.

    Quotas count a pod when it is created or resized. It is then read a second time, for fields that the ledger does not
    need. A pod that cannot be read is not checked, because the API server admits none. A large one (`LARGE`) is not
    checked either, because reading it could take many times its size in memory; the quotas themselves decide on it.
    """
    if len(body) > LARGE:
        return asked
    review = decode(body)
    if not (review.is_resize or (review.is_pod and review.operation == "CREATE")):
        return asked
    try:
        before = read_pod(bytes(review.old_object)) if review.is_resize else None
        said = refusal(quotas, read_pod(bytes(review.object)), before, rules)
    except (ObjectError, QuantityError):
        return asked
    return replace(asked, quota=said) if said else asked


def _changed_to(request: AdmissionRequest, pod: Pod, rules: Rules) -> PodInfo:
    return _resized(request, pod, rules) if request.is_resize else _confined(request, pod, rules)


def _grows(info: PodInfo, accounting: AccountingRules) -> bool:
    """Say whether a change of a pod can raise a bounded sum, of its scopes or of the pool that it moves to."""
    if info.was_confined_to is not None and (info.was_confined_to == info.confined_to or not accounting.may_have_pools):
        return False
    return info.counts and accounting.bounds(info.asked)


def _created(request: AdmissionRequest, pod: Pod, rules: Rules) -> PodInfo:
    checked(request, pod)
    meta = pod.metadata
    # The pod gets the object's name. The request's name is the one that the user asked for, and a mutating webhook may
    # have changed it since. A review made by hand may lack what the API server always fills in; the review's uid then
    # takes the place of the pod's.
    name = meta.name or request.name or f"{meta.generate_name}{request.uid}"
    full, user = f"{request.namespace}/{name}", request.user_info.username
    return pod_info(pod, full, meta.uid or request.uid, at=0, user=user, rules=rules)


def _resized(request: AdmissionRequest, pod: Pod, rules: Rules) -> PodInfo:
    """Take in what a pod would be, and what it is.

    The API server copies the old status into the new object. The kubelet's condition about the last resize says nothing
    about this one, so it is removed: otherwise any resize could pass after an infeasible one.
    """
    old, status = request.old_pod(), pod.status
    conditions = tuple(c for c in status.conditions if c.type != "PodResizePending")
    wanted = replace(pod, status=replace(status, conditions=conditions))
    info = _changed(request, wanted, old, rules)
    return replace(info, before=Before(info.revision, footprint(old, rules), review=request.uid))


def _confined(request: AdmissionRequest, pod: Pod, rules: Rules) -> PodInfo:
    """Take in where a pod that waits might run, and where it may run from now on.

    An update can narrow the nodeSelector and the node affinity of a pod with scheduling gates, and nothing else that
    matters here. A bound pod stays where it is.
    """
    old = request.old_pod()
    info = _changed(request, pod, old, rules)
    was = ways(old.spec) if not info.node else ()
    before = Before(info.revision, footprint(old, rules), f"{hash(info.confined_to):+x}", review=request.uid)
    return replace(info, before=before, was_confined_to=was)


def _changed(request: AdmissionRequest, pod: Pod, old: Pod, rules: Rules) -> PodInfo:
    checked(request, pod, old)
    name = request.name or pod.metadata.name
    uid = old.metadata.uid or pod.metadata.uid or request.uid
    at = old.metadata.resource_version
    if not (at.isascii() and at.isdigit()):
        raise ObjectError(f"oldObject: metadata.resourceVersion: {quoted(at)} is not a number")
    full, user = f"{request.namespace}/{name}", request.user_info.username
    return pod_info(pod, full, uid, at=int(at), user=user, rules=rules)


def _form(pod: Pod, info: PodInfo, accounting: AccountingRules, policy: Policy) -> Verdict:
    """Judge what a pod leaves unsaid."""
    config, rules = accounting.config, accounting.rules
    if config.pools and policy.mode is Mode.ENFORCE and _is_too_large(pod, config):
        return _too_large(policy)
    if info.was_confined_to is not None:
        return Verdict(Decision.ALLOW, Reason.FITS, policy.mode)
    is_new = info.before == UNBORN
    unbounded = lacks_memory_limit(pod, info.footprint if is_new else None, rules)
    no_request = policy.missing_requests is not Answer.ALLOW and not asks_for_memory(pod, rules)
    if not (unbounded or no_request):
        return Verdict(Decision.ALLOW, Reason.FITS, policy.mode)
    return _lacking(info, config, policy, unbounded=unbounded, no_request=no_request)


def _lacking(info: PodInfo, config: HeadroomConfig, policy: Policy, *, unbounded: bool, no_request: bool) -> Verdict:
    """Judge a pod without a limit or without a request; of a change that adds no memory to it nothing is said."""
    if info.before != UNBORN and not _adds_memory(info.asked):
        return Verdict(Decision.ALLOW, Reason.FITS, policy.mode)
    return judge_form(config, policy.mode, policy.missing_requests, unbounded=unbounded, no_request=no_request)


def _too_large(policy: Policy) -> Verdict:
    detail = f"its nodeSelector and node affinity have more than {MOST_PIECES} parts: select its nodes by a label"
    return Verdict(Decision.DENY, Reason.INVALID, policy.mode, detail=detail)


def _is_too_large(pod: Pod, config: HeadroomConfig) -> bool:
    """Say whether a pod's node selection has too many parts to be kept: with pools it could pass a pool's bound."""
    return bool(config.pools) and not pod.spec.node_name and pieces(pod.spec) > MOST_PIECES


def _becomes_too_large(request: AdmissionRequest, pod: Pod, config: HeadroomConfig) -> bool:
    """Say whether a change makes a pod too large; other changes of such a pod pass, such as removing finalizers."""
    if not _is_too_large(pod, config):
        return False
    old = request.old_pod().spec
    return (old.node_selector, old.affinity) != (pod.spec.node_selector, pod.spec.affinity)


def _adds_memory(asked: Amounts) -> bool:
    return any((asked.memory_requests, asked.memory_limits, asked.memory_limits_filled))
