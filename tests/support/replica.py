"""One replica without threads and sockets: its clock advances only when a test says so. Also builders of reviews."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from tests.support.accounts import config, node
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.pending import PendingReview
from webhook.admission.pods import PodAdmission
from webhook.core.config.render import digest
from webhook.core.ledger.info import PodInfo
from webhook.core.sharing.allotment import Timing
from webhook.core.sharing.credit import Shares
from webhook.http.messages import Response
from webhook.state.cluster_state import ClusterState

BEGAN = 1000.0


class Clock:
    """A clock that advances only by `wait`: seconds of the replica's clock, and seconds since 1970."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> float:
        """Let time pass."""
        self.now += seconds
        return self.now


def review(name: str = "web", memory: str = "1Gi", *, created: float = BEGAN, **changes: Any) -> bytes:
    """Make an AdmissionReview of a pod; `changes` replace fields of its request, and None removes a field."""
    at = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pod = {
        "metadata": {"name": name, "namespace": "default", "uid": f"pod-{name}", "creationTimestamp": at},
        "spec": {"containers": [{"name": "app", "resources": {"requests": {"memory": memory}}}]},
    }
    request = {
        "uid": f"review-{name}",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "default",
        "name": name,
        "userInfo": {"username": "someone"},
        "object": pod,
    }
    request = {key: value for key, value in (request | changes).items() if value is not None}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def response(answer: Response | PendingReview) -> dict[str, Any]:
    """Return the AdmissionResponse of an answer that is not pending."""
    assert isinstance(answer, Response), "it waits for a booking"
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)["response"]
    return found


def waits(answer: Response | PendingReview) -> PendingReview:
    """Return a pending answer; fail if the review was answered already."""
    assert isinstance(answer, PendingReview), answer
    return answer


class Judge:
    """An admission, and the decisions that it recorded; `book` does what the allotment controller does.

    Most tests are about what fits and which replica books it, so credit is unlimited unless `shares` are given.
    """

    def __init__(
        self,
        replica: str = "r1",
        timing: Timing | None = None,
        seconds: Callable[[], float] | None = None,
        shares: Shares | None = None,
    ) -> None:
        self.clock = Clock()
        self.decided: list[DecisionRecord] = []
        state = ClusterState(replica, timing or Timing(), seconds or self.clock, shares)
        self.admission = PodAdmission(state, self.decided.append, wall_clock=self.clock)

    def configure(self, settings: str = "") -> None:
        """Apply a configuration with a threshold of 100 % for requests; by default it warns only from 100 % on."""
        made = config(settings if "warnAt" in settings else f"warnAt: 100%\n{settings}")
        self.admission.state.configure(made, digest(made))

    def sync(self, memory: float = 8, pods: Iterable[PodInfo] = (), revision: int = 100) -> None:
        """List one node with `memory` Gi, and the pods."""
        self.admission.state.relist_nodes([node("node", memory)])
        self.admission.state.relist_pods(pods, revision, self.admission.state.clock())

    def ask(self, body: bytes, timeout: float = 10.0) -> Response | PendingReview:
        """Send a review to the admission."""
        return self.admission.review(body, timeout)

    def prepare(self) -> None:
        """Create the shared object, open it, and book an allotment."""
        while self.admission.state.readiness.unready():
            assert self.book()

    def book(self, *, fresh: bool = True) -> bool:
        """Write the next proposal, if there is one; say whether there was. `fresh`: no object ever existed before."""
        proposed = self.admission.state.bookings.next_proposal("epoch", fresh=fresh, may_write=True)
        if proposed is None:
            return False
        proposal, revision = proposed
        self.admission.state.bookings.written(proposal, revision + 1)
        return True


def ready(settings: str = "", memory: float = 8, shares: Shares | None = None) -> Judge:
    """Make a replica that can judge: one node with `memory` Gi, a threshold of 100 %, and an allotment booked."""
    judge = Judge(shares=shares)
    judge.configure(settings)
    judge.sync(memory)
    judge.prepare()
    return judge
