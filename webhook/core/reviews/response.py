"""Responses: from a verdict to the response that the API server gets."""

from webhook.core.reviews.messages import NO_HELP, Help, printable, refusal, warnings
from webhook.core.reviews.review import AdmissionRequest, AdmissionResponse, Status
from webhook.core.reviews.verdict import Decision, Reason, Verdict

_STATUS = {
    Reason.INVALID: (400, "BadRequest"),
    Reason.NOT_JUDGED: (400, "BadRequest"),
    Reason.UNAVAILABLE: (503, "ServiceUnavailable"),
}
_FORBIDDEN = (403, "Forbidden")
_WOULD_REFUSE = (Reason.MEMORY, Reason.CPU, Reason.AWAITING)  # with one of these, a warning replaces a refusal
_LONGEST = 340  # characters: a kind, a namespace and a name, each as long as Kubernetes allows


def subject(request: AdmissionRequest, name: str | None = None) -> str:
    """Name the object of a review on one printable line, such as `pod default/web-7`; any part may be missing."""
    what = "pod" if request.is_pod or request.is_resize or request.is_binding else request.what
    where = name or "/".join(filter(None, (request.namespace, request.name)))
    return printable(f"{what} {where}".rstrip(), _LONGEST)


def respond(
    request: AdmissionRequest, verdict: Verdict, name: str | None = None, help_: Help = NO_HELP
) -> AdmissionResponse:
    """Return the response to a review; `name` is the pod's namespace/name if the request itself does not have it."""
    if verdict.decision is Decision.ALLOW and verdict.reason is Reason.FITS:
        return AdmissionResponse(request.uid, allowed=True)
    named = subject(request, name)
    if verdict.allowed:
        return AdmissionResponse(
            request.uid, True, warnings=warnings(verdict, named), audit_annotations=_annotations(verdict)
        )
    code, reason = _STATUS.get(verdict.reason, _FORBIDDEN)
    status = Status(code, refusal(verdict, named, _act(request), help_), reason)
    return AdmissionResponse(request.uid, False, status, audit_annotations=_annotations(verdict))


def _act(request: AdmissionRequest) -> str:
    """Say what exceeds the headroom: the pod (`{}`) itself, its growth, its binding or its confinement."""
    if request.is_resize:
        return "growth of {}"
    if request.is_binding:
        return "binding of {} to this node"
    confines = request.is_pod and request.operation == "UPDATE"
    return "confinement of {} to these nodes" if confines else "{}"


def message(
    request: AdmissionRequest,
    verdict: Verdict,
    response: AdmissionResponse,
    name: str | None = None,
    help_: Help = NO_HELP,
) -> str:
    """Return the sentence of a decision for the audit log and Events: one line, whatever the decision is.

    A refusal has the sentence that the user got. A pod that only its mode lets in has the sentence that enforce would
    have refused it with. Any other warning has that warning, and an exemption has its reason.
    """
    if response.status is not None:
        return response.status.message
    if verdict.reason is Reason.FITS:  # the case of most reviews
        return verdict.detail
    if verdict.decision is Decision.AUDIT or (verdict.decision is Decision.WARN and verdict.reason in _WOULD_REFUSE):
        return refusal(verdict, subject(request, name), _act(request), help_)
    return "; ".join(response.warnings) or verdict.detail


def _annotations(verdict: Verdict) -> dict[str, str]:
    """Return the same facts for the API server's audit log; the API server puts the webhook's name before each key."""
    annotations = {"decision": verdict.decision._value_, "reason": verdict.reason._value_}
    for s in verdict.sums[:1]:
        annotations |= {
            "scope": s.scope,
            "sum": f"{s.resource}-{s.kind}",
            "asked": str(s.asked),
            "committed": str(s.committed + s.granted),
            "bound": str(s.bound),
        }
    return annotations
