"""Booking: the one thread that writes the shared object, with compare-and-swap, as the allotment proposes.

wait for work ──► next proposal ──► write ──► written │ lost: read it again, propose again │ unknown: write it again
"""

import json
import logging
import secrets
from collections.abc import Callable
from threading import Event
from typing import NamedTuple

import msgspec

from webhook.admission import Admission
from webhook.answer import ApiError, Conflict, KubeError, NotFound, Unanswered
from webhook.core import shared
from webhook.core.allotment import Proposal
from webhook.core.shared import NewerVersionError, Shared, SharedError
from webhook.kube import Answer, Api

log = logging.getLogger(__name__)

NAME = "headroom-allotments"
MADE = "headroom-allotments-made"  # says that the object was there once: if it is missing, it was lost
KEY = "state.json"
_IDLE = 0.2  # seconds between looks at what time alone makes due
_PAUSE = 0.1  # seconds before an object is tried again that could not be read or written
_WITHIN = 5.0  # seconds for one call
_SERVER_ERROR = 500  # from this HTTP status on, a write may have been carried out all the same
_BETWEEN_PROOFS = 5.0  # seconds: a proof takes up to three
_MARKED_FOR = 10.0  # seconds for which having made the mark says that no object was there; less than any validity


class _Meta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion", default="0")


class ConfigMap(msgspec.Struct):
    """What is needed of a ConfigMap."""

    metadata: _Meta
    data: dict[str, str] = {}

    @property
    def revision(self) -> int:
        """The resourceVersion as a number."""
        return int(self.metadata.resource_version)


_read = msgspec.json.Decoder(ConfigMap).decode


class _Write(NamedTuple):
    """A proposal, and the revision of the object that it replaces (0: it makes the object)."""

    proposal: Proposal
    revision: int


def _may_be_done(error: KubeError) -> bool:
    """Say whether a write may have been carried out although it failed."""
    return isinstance(error, Unanswered) or (isinstance(error, ApiError) and error.status >= _SERVER_ERROR)


class Booking:
    """Keeps this replica's share of the shared object; `run` belongs to one thread, `tell` to any."""

    def __init__(
        self, api: Api, namespace: str, admission: Admission, stop: Event, request_proof: Callable[[], None]
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._admission = admission
        self._stop = stop
        self._request_proof = request_proof
        self._proof_due = float("-inf")
        self._known = False  # whether the object was looked for since something went wrong with it
        self._marked_until = float("-inf")
        self._unsettled: _Write | None = None

    def run(self) -> None:
        """Book until stopped; never raises and never gives up."""
        while not self._stop.is_set():
            try:
                self._step()
            except NewerVersionError as error:
                log.error("%s", error)  # noqa: TRY400 - the sentence is all there is to know
                self._stop.wait(1.0)
            except KubeError as error:
                log.warning("the shared object %s could not be read or written: %s", NAME, error)
                self._known = False
                self._stop.wait(_PAUSE)
            except Exception:
                log.exception("the booking failed; looking at the shared object again")
                self._known = False
                self._stop.wait(1.0)

    def _step(self) -> None:
        if self._unsettled is not None:
            self._write(self._unsettled)
            return
        if not self._known and self._admission.problem(self._admission.clock()) is None:
            self._look()
        self._ask_for_proof()
        proposed = self._admission.next_proposal(secrets.token_hex(6), fresh=self._is_fresh())
        if proposed is None:
            self._admission.await_work(_IDLE)
        else:
            self._write(_Write(*proposed))

    def _ask_for_proof(self) -> None:
        now = self._admission.clock()
        if now >= self._proof_due and self._admission.wants_proof():
            self._proof_due = now + _BETWEEN_PROOFS
            self._request_proof()

    def leave(self) -> None:
        """Hand back what is not spent, after the last review was answered."""

    def tell(self, configmap: ConfigMap | None, revision: int) -> None:
        """Take in what the watch shows of the object; None: it was deleted."""
        if configmap is None:
            self._known = False  # look for oneself: this may be old news
        else:
            state, _ = self._state(configmap)
            if state is not None:
                self._admission.observe(state, revision)
            else:
                self._known = False

    def _look(self) -> None:
        found = self._get()
        if found is None:
            self._mark()
        self._admission.observe(*self._state(found))
        self._known = True

    def _get(self) -> ConfigMap | None:
        try:
            return _read(self._api.get(f"{self._path}/{NAME}", within=_WITHIN).body)
        except NotFound:
            return None

    def _state(self, found: ConfigMap | None) -> tuple[Shared | None, int]:
        if found is None:
            return None, 0
        try:
            return shared.read(found.data.get(KEY, "")), found.revision
        except SharedError as error:
            log.error("%s is damaged and is made anew: %s", NAME, error)  # noqa: TRY400 - a sentence is enough
            return None, found.revision

    def _mark(self) -> None:
        """Leave a mark that the object is about to be made; where there is one already, the object was lost."""
        sent = self._admission.clock()
        try:
            self._api.create(self._path, self._manifest(MADE, {}, 0), within=_WITHIN)
            self._marked_until = sent + _MARKED_FOR
        except Conflict:
            log.warning("%s is missing though it was there before: it is made anew, and opened after a while", NAME)

    def _is_fresh(self) -> bool:
        return self._admission.clock() < self._marked_until

    def _write(self, write: _Write) -> None:
        """Send a write, as often as it takes to know what became of it."""
        self._unsettled = write
        try:
            answer = self._send(write)
        except (Conflict, NotFound):
            self._resolve(write.proposal)
        except KubeError as error:
            if _may_be_done(error):
                raise  # it stays unsettled, and is sent again
            self._unsettled = None
            self._admission.proposal_failed()
            raise
        else:
            self._admission.proposal_written(write.proposal, _read(answer.body).revision)
        self._unsettled = None

    def _send(self, write: _Write) -> Answer:
        body = self._manifest(NAME, {KEY: shared.write(write.proposal.shared)}, write.revision)
        if write.revision:
            return self._api.replace(f"{self._path}/{NAME}", body, within=_WITHIN)
        return self._api.create(self._path, body, within=_WITHIN)

    def _resolve(self, proposal: Proposal) -> None:
        """Find out whether an earlier attempt at this write was carried out after all."""
        state, revision = self._state(self._get())
        replica = self._admission.allotment.replica
        mine = state.holdings.get(replica) if state else None
        if mine is not None and mine.renewal == proposal.shared.holdings[replica].renewal:
            self._admission.proposal_written(proposal, revision, state)
        else:
            self._admission.proposal_failed()
            self._admission.observe(state, revision)

    def _manifest(self, name: str, data: dict[str, str], revision: int) -> bytes:
        metadata: dict[str, object] = {
            "name": name,
            "namespace": self._namespace,
            "labels": {"app.kubernetes.io/name": "headroom", "app.kubernetes.io/managed-by": "headroom"},
        }
        if revision:
            metadata["resourceVersion"] = str(revision)
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}).encode()
