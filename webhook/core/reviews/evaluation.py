"""Questions: what a review asks of the account, worked out before anybody needs the account or its lock."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from webhook.core.api.types import LARGE, ObjectError, OwnerReference, Pod, PodMeta
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
from webhook.core.reviews.review import AdmissionRequest, checked, decode, without_objects
from webhook.core.reviews.verdict import Decision, Reason, Verdict, judge_form
from webhook.core.values.amounts import Amounts
from webhook.core.values.notation import quoted
from webhook.core.values.quantity import QuantityError


class Evaluation(Struct, frozen=True, gc=False):
    """A pod that wants in, wants to grow, or wants to be confined, under the policy of its namespace.

    `exempt` says why it is let in whatever the account says; `form` is the verdict on what it leaves unsaid;
    `unplaceable` is what is said of it if no node can hold it; `quota` what the ResourceQuotas of its namespace, as
    they are seen, will say against it.
    """

    request: AdmissionRequest
    pod: Pod
    facts: PodInfo
    mode: Mode
    exempt: str | None
    form: Verdict
    unplaceable: Answer = Answer.ALLOW
    quota: str = ""

    @property
    def forced(self) -> bool:
        """Say whether policy lets the pod in, whatever the account says."""
        return self.exempt is not None or self.on_trial

    @property
    def on_trial(self) -> bool:
        """Say whether the pod is let in once it is known what enforcing would say of it."""
        return self.exempt is None and self.mode is not Mode.ENFORCE

    def kept(self) -> "Evaluation":
        """Return the question without the objects that were judged already: it may have to wait, with many others.

        What stays of the pod says whom to tell of a refusal, and until when the API server waits.
        """
        meta = self.pod.metadata
        owners = tuple(_cut(each) for each in meta.owner_references if each.controller)[:1]
        pod = Pod(PodMeta(owner_references=owners, creation_timestamp=meta.creation_timestamp[:_TIMESTAMP]))
        return replace(self, request=without_objects(self.request), pod=pod)


_TIMESTAMP = 40  # characters; RFC 3339 takes 20


def _cut(owner: OwnerReference) -> OwnerReference:
    """Bound what nobody bounds, and leave it too long to be taken for another."""
    return OwnerReference(
        owner.api_version[: LONGEST_NAME + LONGEST_WORD + 2],
        owner.kind[: LONGEST_WORD + 1],
        owner.name[: LONGEST_NAME + 1],
        owner.uid[: LONGEST_UID + 1],
        controller=True,
    )


def question(request: AdmissionRequest, accounting: AccountingRules) -> Evaluation | Verdict:
    """Work out what is asked; a verdict where no account is needed for it.

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
        facts = _created(request, pod, rules) if request.operation == "CREATE" else _changed_to(request, pod, rules)
        if (
            facts.before is not UNBORN
            and not _grows(facts, accounting)
            and not _becomes_too_large(request, pod, config)
        ):
            return Verdict(Decision.ALLOW, Reason.FITS, policy.mode)
        form = _form(pod, facts, accounting, policy)
    except ObjectError as error:
        return Verdict(Decision.DENY, Reason.INVALID, policy.mode, detail=str(error))
    exempt = exemption(request, pod, config.exempt)
    return Evaluation(request, pod, facts, policy.mode, exempt, form, policy.unplaceable)


def asked_of_quotas(asked: Evaluation, quotas: Sequence[Quota], body: bytes, rules: Rules = NEWEST) -> Evaluation:
    """Return the question with what quotas will say against the pod; `body` is the review that it came in.

    Quotas look at a pod when it is created or resized. It is read a second time then, for fields that the account does
    not need. What cannot be read, quotas are not asked about: the API server lets nothing like that in. Nor are they
    about what is large, for to read it could take many times its size in memory; that is left to the quotas themselves.
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


def _grows(facts: PodInfo, accounting: AccountingRules) -> bool:
    """Say whether a change of a pod can raise a bounded sum: of a scope, or of a pool that it is charged to by it."""
    if facts.was_confined_to is not None and (
        facts.was_confined_to == facts.confined_to or not accounting.may_have_pools
    ):
        return False
    return facts.counts and accounting.bounds(facts.asked)


def _created(request: AdmissionRequest, pod: Pod, rules: Rules) -> PodInfo:
    checked(request, pod)
    meta = pod.metadata
    # The pod comes under the object's name: the request's is the one that was asked for, and a mutating webhook may
    # have given another since. A review made by hand may lack what the API server always fills in; its own uid then
    # stands for the pod's.
    name = meta.name or request.name or f"{meta.generate_name}{request.uid}"
    full, user = f"{request.namespace}/{name}", request.user_info.username
    return pod_info(pod, full, meta.uid or request.uid, at=0, user=user, rules=rules)


def _resized(request: AdmissionRequest, pod: Pod, rules: Rules) -> PodInfo:
    """Take in what a pod would be, and what it is.

    The API server copies the old status into the new object. What the kubelet said there of the last resize says
    nothing of this one: an infeasible resize would otherwise let any other one pass behind it.
    """
    old, status = request.old_pod(), pod.status
    conditions = tuple(c for c in status.conditions if c.type != "PodResizePending")
    wanted = replace(pod, status=replace(status, conditions=conditions))
    facts = _changed(request, wanted, old, rules)
    return replace(facts, before=Before(facts.revision, footprint(old, rules), review=request.uid))


def _confined(request: AdmissionRequest, pod: Pod, rules: Rules) -> PodInfo:
    """Take in where a pod that waits might run, and where it may run from now on.

    Of a pod with scheduling gates the nodeSelector and the node affinity can be narrowed, of another one nothing that
    matters here. A bound pod is where it is.
    """
    old = request.old_pod()
    facts = _changed(request, pod, old, rules)
    was = ways(old.spec) if not facts.node else ()
    before = Before(facts.revision, footprint(old, rules), f"{hash(facts.confined_to):+x}", review=request.uid)
    return replace(facts, before=before, was_confined_to=was)


def _changed(request: AdmissionRequest, pod: Pod, old: Pod, rules: Rules) -> PodInfo:
    checked(request, pod, old)
    name = request.name or pod.metadata.name
    uid = old.metadata.uid or pod.metadata.uid or request.uid
    at = old.metadata.resource_version
    if not (at.isascii() and at.isdigit()):
        raise ObjectError(f"oldObject: metadata.resourceVersion: {quoted(at)} is no number")
    full, user = f"{request.namespace}/{name}", request.user_info.username
    return pod_info(pod, full, uid, at=int(at), user=user, rules=rules)


def _form(pod: Pod, facts: PodInfo, accounting: AccountingRules, policy: Policy) -> Verdict:
    """Judge what a pod leaves unsaid; of a change that adds no memory to it nothing is said."""
    config, rules = accounting.config, accounting.rules
    if config.pools and policy.mode is Mode.ENFORCE and _is_too_large(pod, config):
        detail = f"its nodeSelector and node affinity have more than {MOST_PIECES} parts: select its nodes by a label"
        return Verdict(Decision.DENY, Reason.INVALID, policy.mode, detail=detail)
    if facts.was_confined_to is not None:
        return Verdict(Decision.ALLOW, Reason.FITS, policy.mode)
    is_new = facts.before is UNBORN
    unbounded = lacks_memory_limit(pod, facts.footprint if is_new else None, rules)
    no_request = policy.missing_requests is not Answer.ALLOW and not asks_for_memory(pod, rules)
    if not (unbounded or no_request) or (not is_new and not _adds_memory(facts.asked)):
        return Verdict(Decision.ALLOW, Reason.FITS, policy.mode)
    return judge_form(config, policy.mode, policy.missing_requests, unbounded=unbounded, no_request=no_request)


def _is_too_large(pod: Pod, config: HeadroomConfig) -> bool:
    """Say whether nobody can keep which nodes a pod may run on, where that matters: it could pass a pool's bound."""
    return bool(config.pools) and not pod.spec.node_name and pieces(pod.spec) > MOST_PIECES


def _becomes_too_large(request: AdmissionRequest, pod: Pod, config: HeadroomConfig) -> bool:
    """Say whether a change makes it so. Of a pod that was, all else can be changed: finalizers have to be removed."""
    if not _is_too_large(pod, config):
        return False
    old = request.old_pod().spec
    return (old.node_selector, old.affinity) != (pod.spec.node_selector, pod.spec.affinity)


def _adds_memory(asked: Amounts) -> bool:
    return any((asked.memory_requests, asked.memory_limits, asked.memory_limits_filled))
