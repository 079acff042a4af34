"""Bindings: what a review of a binding asks of the ledger, where the webhook is registered for bindings.

A pod that may run in several pools is charged to the cluster only, until it is bound. Bound to a node of a pool, it
needs room in that pool. A binding says only a name, a UID and a node; the view has the rest of the pod.
"""

from webhook.core.api.types import Binding, ObjectError, Pod
from webhook.core.config.types import Exempt
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Before
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.subjects import USER
from webhook.core.reviews.evaluation import Evaluation
from webhook.core.reviews.review import AdmissionRequest
from webhook.core.reviews.verdict import Decision, Reason, Verdict, cannot_tell


def evaluate_binding(request: AdmissionRequest, ledger: Ledger, problem: str | None = None) -> Evaluation | Verdict:
    """Return what a binding asks, or a verdict if it asks for nothing or is not known. The caller holds the lock.

    `problem` says why the ledger cannot be relied on; None if it can.
    """
    config = ledger.accounting.config
    policy = config.policy(request.namespace)
    fits = Verdict(Decision.ALLOW, Reason.FITS, policy.mode)
    if request.operation != "CREATE":
        return Verdict(Decision.ALLOW, Reason.NOT_JUDGED, detail=f"{request.operation} binds nothing")
    name = f"{request.namespace}/{request.name}"
    try:
        binding = request.binding()
        live, unknown = _comes_into_a_pool(name, binding, ledger, problem)
    except ObjectError as error:
        return Verdict(Decision.DENY, Reason.INVALID, policy.mode, detail=str(error))
    exempt = _exemption(request.namespace, live, config.exempt)
    if unknown and exempt is None:
        return cannot_tell(policy.mode, unknown)
    if live is None:
        return fits
    return Evaluation(request, Pod(binding.metadata), _pod_info(request, live, binding), policy.mode, exempt, fits)


def _exemption(namespace: str, live: Entry | None, exempt: Exempt) -> str | None:
    """Say why a pod is bound whatever is committed; who made it is not known here, so that exempts no pod."""
    if exempt.covers_namespace(namespace):
        return f"namespace {namespace} is exempt"
    if isinstance(live, Unbound) and exempt.covers_priority_class(live.priority_class, namespace):
        return f"priority class {live.priority_class} is exempt in namespace {namespace}"
    return None


def _comes_into_a_pool(name: str, binding: Binding, ledger: Ledger, problem: str | None) -> tuple[Entry | None, str]:
    """Return the pod if it needs room in the node's pool, and in words what is not known yet.

    Both are empty if the pod is charged to that pool already, and if the API server will refuse the binding by itself.
    Raises `ObjectError` for a binding without a UID that needs room: it might bind another pod of this name.
    """
    live, uid, node = ledger.get(name), binding.metadata.uid, binding.target.name
    if not ledger.accounting.may_have_pools:
        return None, ""
    if problem or ledger.capacity.get(node) is None:
        return None, problem or f"node {node} is not known yet"
    pool = ledger.pool_of_node(node)
    if pool is None or ledger.has_ended(name, uid) or (live is not None and live.node):
        return None, ""
    if live is None or (uid and live.uid != uid):
        granted = ledger.reservations.get(name, uid)  # a scheduler may be faster than the watch
        if granted is None:
            return None, "the pod is not known yet"
        live, charged = Entry(uid, granted.charge.footprint), granted.charge.pool
    else:
        charged = ledger.pool_of(live)
    if charged != pool and not uid:
        raise ObjectError(f"metadata.uid: is missing; set it to that of the pod, which needs room in pool {pool}")
    return (None if charged == pool else live), ""


def _pod_info(request: AdmissionRequest, live: Entry, binding: Binding) -> PodInfo:
    name, node = f"{request.namespace}/{request.name}", binding.target.name
    return PodInfo(
        name,
        live.uid,
        0,
        live.footprint,
        node,
        before=Before(0, live.footprint, f">{node}", binds=True),
        was_confined_to=live.confined_to,
        owner=f"{USER}{request.user_info.username}",
    )
