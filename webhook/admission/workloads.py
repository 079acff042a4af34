"""Early answers: given when a user applies or scales a workload, before any of its pods is created.

    review ──► edit ──► plan ──►[ lock: look ]──► nothing, a warning, or (`workloads: deny`) a refusal
                 ▲
                 └── GET of the workload, if the review is of its scale

An early answer is a courtesy: each pod is judged anyway when it is created. So after any failure here, the request is
allowed, without a message to the user. Nothing is booked. The only wait is that one GET, which has a time-out and a
limited rate, and is sent without the lock.
"""

import logging
from collections.abc import Callable
from threading import Lock
from urllib.parse import quote

from webhook.admission.decision_record import DecisionRecord, ReviewContext
from webhook.core.api.types import ObjectError
from webhook.core.api.workloads import read_scale, read_workload, scaled
from webhook.core.config.types import Mode
from webhook.core.forecast.fit import Foresight, facts_of, foresee, lacking, look
from webhook.core.forecast.plan import Edit, Plan, plan
from webhook.core.forecast.verdict import SILENT, EarlyVerdict, about_workload, early, excused, reply, wanted
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.response import message
from webhook.core.reviews.review import AdmissionRequest, ReviewError, decode, encode
from webhook.core.reviews.verdict import Decision, Reason, Verdict
from webhook.core.values.bucket import Bucket
from webhook.http.messages import LARGEST_EARLY, Response, plain
from webhook.state.cluster_state import ClusterState

log = logging.getLogger(__name__)

_RATE, _BURST = 10.0, 50  # reads of workloads a second, so that reviews cannot flood the API server
_UNKNOWN = EarlyVerdict(Verdict(Decision.CANNOT_TELL, Reason.UNAVAILABLE))


class FetchError(Exception):
    """The workload could not be read from the API server."""


class _UnaccountedError(Exception):
    """There is nothing to judge the workload by."""


class WorkloadAdmission:
    """Answers reviews of workloads; `count` gets every answer, `audit` only refusals.

    `fetch` reads an object at an API path and raises FetchError. Any thread may call `review`.
    """

    def __init__(
        self,
        account: ClusterState,
        fetch: Callable[[str], bytes],
        count: Callable[[DecisionRecord], None],
        audit: Callable[[DecisionRecord], None],
    ) -> None:
        self._account = account
        self._fetch = fetch
        self._count = count
        self._audit = audit
        self._reads = Bucket(_RATE, _BURST)
        self._lock = Lock()

    def review(self, body: bytes, timeout: float) -> Response:
        """Answer an AdmissionReview. Only policy (`workloads: deny`) refuses; after a failure it allows the request."""
        arrived = self._account.clock()
        try:
            asked = decode(body)
        except ReviewError as error:
            log.warning("refused a request to /workloads: %s", error)
            return plain(400, str(error))
        request = about_workload(asked)
        said = SILENT if request is None else self._say(asked, request, len(body))
        request = request or asked
        response = reply(request, SILENT if said is _UNKNOWN else said, self._account.help)
        self._record(ReviewContext(request, arrived, timeout), said.verdict, message(request, said.verdict, response))
        return Response(200, encode(response))

    def _say(self, asked: AdmissionRequest, request: AdmissionRequest, size: int) -> EarlyVerdict:
        try:
            return self._foretell(asked, request, size)
        except (FetchError, ObjectError, _UnaccountedError) as error:
            log.warning("no early answer: %s", error)
        except Exception:
            log.exception("no early answer on review %r", request.uid)
        return _UNKNOWN

    def _foretell(self, asked: AdmissionRequest, request: AdmissionRequest, size: int) -> EarlyVerdict:
        kind, namespace, config = request.kind.kind, request.namespace, self._account.config
        if not wanted(kind, namespace, config):
            return SILENT
        if size > LARGEST_EARLY:
            raise _UnaccountedError(f"the review has {size:,} bytes, and no more than {LARGEST_EARLY:,} are read")
        planned = plan(kind, self._edit(asked))
        if planned is None or excused(planned, namespace, config.exempt):
            return SILENT
        found, lacked = self._foresee(namespace, planned, refused=config.policy(namespace).mode is Mode.ENFORCE)
        return early(planned, found, namespace, config, lacked)

    def _edit(self, asked: AdmissionRequest) -> Edit:
        new, old = bytes(asked.object), bytes(asked.old_object)
        if asked.sub_resource:
            self._pace()
            namespace, name = (quote(part, safe="") for part in (asked.namespace, asked.name))
            path = f"/apis/apps/v1/namespaces/{namespace}/{asked.resource.resource}/{name}"
            live = read_workload(self._fetch(path))
            return Edit(scaled(live, read_scale(new)), scaled(live, read_scale(old)))
        return Edit(read_workload(new), None if old == b"null" else read_workload(old), self._nodes(asked))

    def _pace(self) -> None:
        with self._lock:
            if not self._reads.take(self._account.clock()):
                raise _UnaccountedError("workloads are scaled more often than they can be looked up")

    def _nodes(self, asked: AdmissionRequest) -> tuple[NodeInfo, ...]:
        if asked.kind.kind != "DaemonSet":
            return ()
        with self._account.lock:
            return tuple(node.facts for node in self._account.ledger.capacity.all() if node.deleted_at is None)

    def _foresee(self, namespace: str, planned: Plan, *, refused: bool) -> tuple[Foresight | None, Lacking | None]:
        facts = facts_of(namespace, planned)
        with self._account.lock:
            problem = self._account.problem(self._account.clock())
            if problem is not None:
                raise _UnaccountedError(problem)
            lines = look(self._account.ledger, *facts)
            lacked = lacking(self._account.ledger, planned, facts[0])
        return foresee(planned, lines, refused=refused), lacked

    def _record(self, case: ReviewContext, verdict: Verdict, told: str) -> None:
        now = self._account.clock()
        age = max(self._account.pods.age(now), self._account.nodes.age(now))
        took = now - case.arrived
        decided = DecisionRecord(case, verdict, told, verdict.figures, age, took, self._account.config_hash)
        try:
            self._count(decided)
            if verdict.decision is Decision.DENY:
                self._audit(decided)
        except Exception:
            log.exception("the early answer on review %r could not be recorded", case.request.uid)
