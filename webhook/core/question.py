"""Questions: what a review asks of the account, worked out before anybody needs the account or its lock."""

from dataclasses import dataclass

from webhook.core.config import HeadroomConfig
from webhook.core.config_settings import Answer, Mode
from webhook.core.exemption import exemption
from webhook.core.facts import pod_facts
from webhook.core.footprint import asks_for_memory
from webhook.core.ledger import PodFacts
from webhook.core.objects import ObjectError, Pod
from webhook.core.review import Request
from webhook.core.verdict import Decision, Reason, Verdict, judge_form


@dataclass(frozen=True, slots=True)
class Question:
    """A pod that wants in, under the policy of its namespace.

    `exempt` says why it is let in whatever the account says; `form` is the verdict on what it leaves unsaid.
    """

    request: Request
    pod: Pod
    facts: PodFacts
    mode: Mode
    exempt: str | None
    form: Verdict

    @property
    def forced(self) -> bool:
        """Say whether policy lets the pod in, whatever the account says."""
        return self.exempt is not None or self.mode is not Mode.ENFORCE


def question(request: Request, config: HeadroomConfig) -> Question | Verdict:
    """Work out what is asked; a verdict where no account is needed for it."""
    if not request.is_pod:
        detail = f"Headroom judges pods, not {request.what}: limit the webhook's rules to pods"
        return Verdict(Decision.DENY, Reason.NOT_JUDGED, detail=detail)
    if request.operation != "CREATE":
        return Verdict(Decision.ALLOW, Reason.NOT_JUDGED, detail=f"{request.operation} commits nothing new")
    policy = config.policy(request.namespace)
    try:
        pod = request.pod()
        meta = pod.metadata
        # A review made by hand may lack what the API server always fills in; its own uid then stands for the pod's.
        name = request.name or meta.name or f"{meta.generate_name}{request.uid}"
        facts = pod_facts(pod, f"{request.namespace}/{name}", meta.uid or request.uid)
    except ObjectError as error:
        return Verdict(Decision.DENY, Reason.INVALID, policy.mode, detail=str(error))
    form = judge_form(
        config,
        policy.mode,
        policy.missing_requests,
        unbounded=facts.footprint.memory_unbounded > 0,
        no_request=policy.missing_requests is not Answer.ALLOW and not asks_for_memory(pod),
    )
    return Question(request, pod, facts, policy.mode, exemption(request, pod, config.exempt), form)
