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
from webhook.core.config.types import Mode
from webhook.core.forecast.adoption import UnsettledError
from webhook.core.forecast.fit import Foresight, Line, foresee, infos_of, lacking, look
from webhook.core.forecast.plan import Edit, Plan, adopting, plan
from webhook.core.forecast.presence import Names, doubt, doubt_of, own
from webhook.core.forecast.verdict import SILENT, EarlyVerdict, about_workload, early, excused, reply, wanted
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.basis import Basis
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
_ATTEMPTS = 3  # to answer under one configuration
_NAME = 100  # characters of a workload's name in the log
_UNKNOWN = EarlyVerdict(Verdict(Decision.CANNOT_TELL, Reason.UNAVAILABLE))


class _UnaccountedError(Exception):
    """There is nothing to judge the workload by."""


class _ReconfiguredError(Exception):
    """Another basis is in force than the one that the workload was planned under."""


class Check(Protocol):
    """Says, under the lock, why what the account shows is not what a plan goes by; empty: it is."""

    def __call__(self, ledger: Ledger, *, new: PodInfo, old: PodInfo) -> str: ...


class WorkloadAdmission:
    """Answers reviews of workloads; `count` gets every answer, `audit` only refusals.

    `fetch` reads an object at an API path and raises FetchError. Any thread may call `review`.
    """

    def __init__(
        self,
        state: ClusterState,
        fetch: Fetch,
        count: Callable[[DecisionRecord], None],
        audit: Callable[[DecisionRecord], None],
    ) -> None:
        self._state = state
        self._fetch = fetch
        self._count = count
        self._audit = audit
        self._reads = Bucket(_RATE, _BURST)
        self._orphans = Orphans(fetch, self._pace)
        self._lock = Lock()

    def review(self, body: bytes, timeout: float) -> Response:
        """Answer an AdmissionReview. Only policy (`workloads: deny`) refuses; after a failure it allows the request."""
        arrived = self._state.clock()
        try:
            asked = decode(body)
        except ReviewError as error:
            log.warning("refused a request to /workloads: %s", error)
            return plain(400, str(error))
        request = about_workload(asked)
        basis, said = self._state.basis, SILENT
        if request is not None:
            basis, said = self._say(asked, request, len(body))
        request = request or asked
        response = reply(request, SILENT if said == _UNKNOWN else said, basis.help)
        case = ReviewContext(request, arrived, timeout, basis)
        self._record(case, said.verdict, message(request, said.verdict, response))
        return Response(200, encode(response))

    def _say(self, asked: AdmissionRequest, request: AdmissionRequest, size: int) -> tuple[Basis, EarlyVerdict]:
        """Return the early answer, and the basis that it was worked out under."""
        basis = self._state.basis
        for _ in range(_ATTEMPTS):
            try:
                return basis, self._attempt(asked, request, size, basis)
            except _ReconfiguredError:
                basis = self._state.basis
        log.warning("no early answer: the configuration changed again and again meanwhile")
        return basis, _UNKNOWN

    def _attempt(self, asked: AdmissionRequest, request: AdmissionRequest, size: int, basis: Basis) -> EarlyVerdict:
        try:
            return self._foretell(asked, request, size, basis)
        except UnsettledError as error:
            about = printable(f"{request.namespace}/{request.name}", _NAME)
            log.info("no early answer about %s %s: %s", request.kind.kind, about, error)
        except (FetchError, ObjectError, _UnaccountedError) as error:
            log.warning("no early answer: %s", error)
        except _ReconfiguredError:
            raise
        except Exception:
            log.exception("no early answer on review %r", request.uid)
        return _UNKNOWN

    def _foretell(self, asked: AdmissionRequest, request: AdmissionRequest, size: int, basis: Basis) -> EarlyVerdict:
        kind, namespace, config = request.kind.kind, request.namespace, basis.config
        if not wanted(kind, namespace, config):
            return SILENT
        if size > LARGEST_EARLY:
            raise _UnaccountedError(f"the review has {size:,} bytes, and no more than {LARGEST_EARLY:,} are read")
        edit = self._edit(asked)
        planned = plan(kind, edit)
        if planned is None or excused(planned, namespace, config.exempt):
            return SILENT
        said = self._judged(namespace, planned, basis)
        return said if said == SILENT else self._sure(said, request, edit, planned, basis)

    def _sure(
        self, said: EarlyVerdict, request: AdmissionRequest, edit: Edit, planned: Plan, basis: Basis
    ) -> EarlyVerdict:
        """Say it only where the pods that there are, are those that the plan goes by; raises `UnsettledError`."""
        kind, namespace = request.kind.kind, request.namespace
        if planned.unsettled:
            raise UnsettledError(planned.unsettled)
        if edit.old is not None and planned.exist is None:
            return said
        if edit.old is not None:
            return self._judged(namespace, planned, basis, self._doubt(request, planned))
        adopted = self._orphans.of(kind, namespace, edit.new)
        if not adopted:
            return said
        made = adopting(planned, len(adopted))
        if made.course.come <= 0:
            return SILENT
        return self._judged(namespace, made, basis, partial(doubt_of, namespace=namespace, pods=adopted))

    def _doubt(self, request: AdmissionRequest, planned: Plan) -> Check:
        self._pace()
        kind, name = request.kind.kind, f"{request.namespace}/{request.name}"
        names, mark = self._state.read(lambda ledger: ledger.names())
        return partial(doubt, kind=kind, name=name, known=Names(own(kind, name, names), mark), plan=planned)

    def _judged(self, namespace: str, planned: Plan, basis: Basis, check: Check | None = None) -> EarlyVerdict:
        enforced = basis.config.policy(namespace).mode is Mode.ENFORCE
        found, lacked = self._foresee(namespace, planned, basis, check, refused=enforced)
        return early(planned, found, namespace, basis.config, lacked)

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
            if not self._reads.take(self._state.clock()):
                raise _UnaccountedError("workloads are scaled more often than they can be looked up")

    def _nodes(self, asked: AdmissionRequest) -> tuple[NodeInfo, ...]:
        if asked.kind.kind != "DaemonSet":
            return ()
        return self._state.read(
            lambda ledger: tuple(node.info for node in ledger.capacity.all() if node.deleted_at is None)
        )

    def _foresee(
        self, namespace: str, planned: Plan, basis: Basis, check: Check | None, *, refused: bool
    ) -> tuple[Foresight | None, Lacking | None]:
        info = infos_of(namespace, planned, basis.rules)

        def see(ledger: Ledger) -> tuple[str, list[Line], Lacking | None]:
            problem = self._state.readiness.problem(self._state.clock())
            if problem is not None:
                raise _UnaccountedError(problem)
            if self._state.basis != basis:
                raise _ReconfiguredError
            doubts = check(ledger, new=info[0], old=info[1]) if check is not None else ""
            return doubts, look(ledger, *info), lacking(ledger, planned, info[0])

        doubts, lines, lacked = self._state.read(see)
        if doubts:
            raise UnsettledError(doubts)
        return foresee(planned, lines, refused=refused), lacked

    def _record(self, case: ReviewContext, verdict: Verdict, text: str) -> None:
        now = self._state.clock()
        age, took = self._state.readiness.age(now), now - case.arrived
        decided = DecisionRecord(case, verdict, text, verdict.figures, age, took)
        try:
            self._count(decided)
            if verdict.decision is Decision.DENY:
                self._audit(decided)
        except Exception:
            log.exception("the early answer on review %r could not be recorded", case.request.uid)
