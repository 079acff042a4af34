"""One replica that decides on a ledger of three nodes."""

from typing import Any

from tests.support.accounts import committed, config, headroom, ledger, node
from tests.support.sample_reviews import asking, resizing
from tests.support.sample_reviews import memory as resources
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.reviews.decision import Outcome, decide
from webhook.core.reviews.evaluation import Evaluation, evaluate
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.sharing.allotment import Allotment, Ask, Timing
from webhook.core.sharing.credit import Credit

TIMING = Timing(validity=15.0, lapse=45.0)


class Replica:
    """A ledger with its allotment, which has booked half of what is free at time 0."""

    def __init__(self, settings: str = "", *nodes: NodeInfo) -> None:
        self.config = config(settings)
        self.ledger: Ledger = ledger("", *(nodes or (node("a", 16),)))
        self.ledger.configure(AccountingRules(self.config), 0.0)
        self.allotment = Allotment("me", self.ledger, TIMING, Credit(self.ledger, TIMING.lapse, shares=None))
        self.book(0.0)  # makes the shared object
        self.book(0.0)  # opens it

    def book(self, now: float, *asks: Ask) -> None:
        proposal = self.allotment.propose(asks, now, "epoch", fresh=True)
        self.allotment.begin(proposal)
        self.allotment.written(self.allotment.revision + 1, now)

    def evaluation(self, memory: str | None = "1Gi", **pod: Any) -> Evaluation:
        asked = evaluate(asking(memory, **pod), AccountingRules(self.config))
        assert isinstance(asked, Evaluation)
        return asked

    def resize(self, memory: str) -> Evaluation:
        """Make the evaluation of a resize of an unbound pod of 1Gi."""
        request = resizing(resources("1Gi"), resources(memory), spec={"nodeName": ""})
        asked = evaluate(request, AccountingRules(self.config))
        assert isinstance(asked, Evaluation)
        return asked

    def decide(self, memory: str | None = "1Gi", now: float = 1.0, **pod: Any) -> Outcome:
        return decide(self.ledger, self.allotment, self.evaluation(memory, **pod), now)

    @property
    def reserved(self) -> float:
        return 16 - committed(self.ledger) - headroom(self.ledger)


def said(outcome: Outcome) -> tuple[Decision, Reason, bool]:
    return outcome.verdict.decision, outcome.verdict.reason, outcome.settled


THREE = (node("a", 6), node("b", 6), node("c", 6))
