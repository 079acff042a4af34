"""Early answers: given when a user applies or scales a workload, before any of its pods is created.

    review ──► edit ──► plan ──►[ lock: foresee ]──► nothing, or what would be said
                 ▲                                                 │
                 │                                   is that sure? ├── a change: [ lock: its pods; foresee again ]
                 │                                                 └── a creation: list what it adopts; the same
                 └── GET of the workload, where only its scale is asked for
                                                                   ▼
                                                     a warning, or (`workloads: deny`) a refusal

It is a courtesy: the pods are judged anyway, each by itself. So whatever goes wrong here, or is not sure, lets the
request pass without a word to its user. It books nothing, and waits for nothing but these reads: bounded, and without
the lock.
"""

import logging
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Protocol
from urllib.parse import quote

from webhook.admission.decision_record import DecisionRecord, ReviewContext
from webhook.admission.fetch import Fetch, FetchError
from webhook.admission.orphans import Orphans
from webhook.core.api.types import ObjectError
from webhook.core.api.workloads import read_scale, read_workload, scaled
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.types import Mode
from webhook.core.forecast.adoption import UnsettledError
from webhook.core.forecast.fit import Foresight, facts_of, foresee, lacking, look
from webhook.core.forecast.plan import Edit, Plan, adopting, plan
from webhook.core.forecast.presence import Names, doubt, doubt_of, own
from webhook.core.forecast.verdict import SILENT, EarlyVerdict, about_workload, early, excused, reply, wanted
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.messages import printable
from webhook.core.reviews.response import message
from webhook.core.reviews.review import AdmissionRequest, ReviewError, decode, encode
from webhook.core.reviews.verdict import Decision, Reason, Verdict
from webhook.core.values.bucket import Bucket
from webhook.http.messages import LARGEST_EARLY, Response, plain
from webhook.state.cluster_state import ClusterState

log = logging.getLogger(__name__)

# Reads a second, and looks through the names of all pods, some 20 ms for 150,000: nobody who sends reviews may flood
# the API server with the ones, or this replica with the others.
_RATE, _BURST = 10.0, 50
_NAME = 100  # characters of a workload's name in the log
_UNKNOWN = EarlyVerdict(Verdict(Decision.CANNOT_TELL, Reason.UNAVAILABLE))


class _UnaccountedError(Exception):
    """There is nothing to judge the workload by."""


class Check(Protocol):
    """Says, under the lock, why what the account shows is not what a plan goes by; empty: it is."""

    def __call__(self, ledger: Ledger, *, new: PodInfo, old: PodInfo) -> str: ...


class WorkloadAdmission:
    """Answers reviews of workloads; `count` gets every answer, `audit` only refusals.

    `fetch` reads an object at an API path and raises FetchError. Any thread may call `review`.
    """

    def __init__(
        self,
        account: ClusterState,
        fetch: Fetch,
        count: Callable[[DecisionRecord], None],
        audit: Callable[[DecisionRecord], None],
    ) -> None:
        self._account = account
        self._fetch = fetch
        self._count = count
        self._audit = audit
        self._reads = Bucket(_RATE, _BURST)
        self._orphans = Orphans(fetch, self._pace)
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
        except UnsettledError as error:
            about = printable(f"{request.namespace}/{request.name}", _NAME)
            log.info("no early answer about %s %s: %s", request.kind.kind, about, error)
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
        edit = self._edit(asked)
        planned = plan(kind, edit)
        if planned is None or excused(planned, namespace, config.exempt):
            return SILENT
        said = self._told(namespace, planned, config)
        return said if said == SILENT else self._sure(said, request, edit, planned, config)

    def _sure(
        self, said: EarlyVerdict, request: AdmissionRequest, edit: Edit, planned: Plan, config: HeadroomConfig
    ) -> EarlyVerdict:
        """Say it only where the pods that there are, are those that the plan goes by; raises `UnsettledError`."""
        kind, namespace = request.kind.kind, request.namespace
        if planned.unsettled:
            raise UnsettledError(planned.unsettled)
        if edit.old is not None and planned.exist is None:
            return said
        if edit.old is not None:
            return self._told(namespace, planned, config, self._doubt(request, planned))
        adopted = self._orphans.of(kind, namespace, edit.new)
        if not adopted:
            return said
        made = adopting(planned, len(adopted))
        if made.course.come <= 0:
            return SILENT
        return self._told(namespace, made, config, partial(doubt_of, namespace=namespace, pods=adopted))

    def _doubt(self, request: AdmissionRequest, planned: Plan) -> Check:
        self._pace()
        kind, name = request.kind.kind, f"{request.namespace}/{request.name}"
        with self._account.lock:
            names, mark = self._account.ledger.names()
        return partial(doubt, kind=kind, name=name, known=Names(own(kind, name, names), mark), plan=planned)

    def _told(self, namespace: str, planned: Plan, config: HeadroomConfig, check: Check | None = None) -> EarlyVerdict:
        enforced = config.policy(namespace).mode is Mode.ENFORCE
        found, lacked = self._foresee(namespace, planned, check, refused=enforced)
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

    def _foresee(
        self, namespace: str, planned: Plan, check: Check | None, *, refused: bool
    ) -> tuple[Foresight | None, Lacking | None]:
        facts = facts_of(namespace, planned, self._account.rules)
        with self._account.lock:
            problem = self._account.problem(self._account.clock())
            if problem is not None:
                raise _UnaccountedError(problem)
            ledger = self._account.ledger
            doubts = check(ledger, new=facts[0], old=facts[1]) if check is not None else ""
            lines, lacked = look(ledger, *facts), lacking(ledger, planned, facts[0])
        if doubts:
            raise UnsettledError(doubts)
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
