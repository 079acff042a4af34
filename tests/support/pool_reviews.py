"""Reviews of pods that are confined to a pool, and the outcomes that tests expect."""

from tests.support.sample_reviews import Json
from webhook.core.reviews.decision import Outcome
from webhook.core.reviews.verdict import Decision, Reason

POOL = "{{name: {0}, nodeSelector: {{pool: {0}}}, thresholds: {{memory: {{requests: 100%}}}}}}"

POOLS = f"pools: [{POOL.format('hm')}, {POOL.format('std')}]"

GATED: Json = {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}

HM: Json = {"nodeSelector": {"pool": "hm"}}

GRANTED = (Decision.ALLOW, Reason.FITS, True)

REFUSED = (Decision.DENY, Reason.MEMORY, True)


def said(outcome: Outcome) -> tuple[Decision, Reason, bool]:
    return outcome.verdict.decision, outcome.verdict.reason, outcome.settled
