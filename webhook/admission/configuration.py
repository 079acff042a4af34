"""Checks edits of Headroom's own ConfigMap when a user makes them, and previews their effect.

    review ──► text ──► configuration, or a refusal that names every path ──► preview ──► warnings

This check is a courtesy. If an invalid edit gets past it, because Headroom is down or fails here, the last valid
configuration stays, and the log, an Event and a metric report the problem. Only one text is read at a time, and only
one preview is made at a time, on a copy of the ledger, so that no user can keep a replica busy with edits.
"""

import logging
from collections.abc import Mapping
from threading import Lock

from msgspec import Struct

from webhook.core.api.types import ObjectError, sent_reader
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.errors import ConfigError, Problem
from webhook.core.config.parse import parse
from webhook.core.config.render import digest
from webhook.core.forecast.preview import preview
from webhook.core.forecast.preview_messages import preview_warnings
from webhook.core.reviews.messages import WARNING, printable
from webhook.core.reviews.review import AdmissionRequest, AdmissionResponse, ReviewError, Status, decode, encode
from webhook.core.values.bucket import Bucket
from webhook.http.messages import LARGEST_EARLY, Response, plain
from webhook.state.cluster_state import ClusterState
from webhook.state.configuration import KEY, NAME

log = logging.getLogger(__name__)

_SHOWN = 5  # problems that a refusal lists; any others are most likely of the same kind
_PROBLEM = 300  # characters shown of one problem
_DELETED = "replicas that run keep the last good configuration; one that starts again has none and can judge nothing"
_RATE, _BURST = 128 << 10, 8 << 20  # bytes of edits read per second: reading 256 KiB takes 0.3 s, a usual edit 5 ms
_TURN = 1.0  # seconds that an edit waits while another one is being read
_UNREAD = "not checked: too many edits at once; a bad configuration changes nothing"
_LARGE = "not checked: the ConfigMap is too large; a bad configuration changes nothing"
_BUSY = "no preview: another one is being made; the configuration is good"


class _ConfigMap(Struct, frozen=True):
    data: Mapping[str, str] = {}


_read = sent_reader(_ConfigMap)


class ConfigurationAdmission:
    """Answers reviews of Headroom's ConfigMap, and allows every other object. Any thread may call it."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._previewing = Lock()
        self._reading = Lock()
        self._edits = Bucket(_RATE, _BURST)

    def review(self, body: bytes, _: float) -> Response:
        """Answer an AdmissionReview; it ignores the timeout, because it waits for at most a second."""
        try:
            request = decode(body)
        except ReviewError as error:
            log.warning("refused a request about the configuration: %s", error)
            return plain(400, str(error))
        try:
            response = self._judged(request, len(body)) if len(body) <= LARGEST_EARLY else _allowed(request, _LARGE)
        except Exception:
            log.exception("the edit of the ConfigMap %r could not be checked", request.name)
            response = _allowed(request, "this edit could not be checked: see Headroom's log")
        return Response(200, encode(response))

    def _judged(self, request: AdmissionRequest, size: int) -> AdmissionResponse:
        if request.name != NAME or request.kind.kind != "ConfigMap":
            return _allowed(request)
        if request.operation == "DELETE":
            return _allowed(request, _DELETED)
        if not self._reading.acquire(timeout=_TURN):
            return _allowed(request, _UNREAD)
        try:
            if not self._edits.take(self._state.clock(), size):
                return _allowed(request, _UNREAD)
            config = _edited(request)
        except (ConfigError, ObjectError) as error:
            return self._refused(request, _line(error))
        finally:
            self._reading.release()
        return _allowed(request, *(self._preview(config) if config else ()))

    def _refused(self, request: AdmissionRequest, problem: str) -> AdmissionResponse:
        log.warning("refused an edit of the ConfigMap %s by %r: %s", NAME, request.user_info.username, problem)
        message = f"no good configuration: {problem}"
        return AdmissionResponse(
            request.uid, False, Status(422, message, "Invalid"), audit_annotations={"decision": "deny"}
        )

    def _preview(self, config: HeadroomConfig) -> tuple[str, ...]:
        """Return warnings about what the configuration would change.

        The ledger is copied under the lock, and the preview is made from the copy without the lock.
        """
        if not self._previewing.acquire(blocking=False):
            return (_BUSY,)
        try:
            state = self._state
            now = state.clock()
            problem = state.pods.problem(now) or state.nodes.problem(now)
            if problem:
                return (printable(f"no preview: {problem}", WARNING),)
            if digest(config) == state.basis.config_hash:
                return ()
            return preview_warnings(preview(state.snapshot(), config))
        finally:
            self._previewing.release()


def _edited(request: AdmissionRequest) -> HeadroomConfig | None:
    """Read the configuration that the request would store; None: the request changes another part of the ConfigMap.

    Such a request is allowed even if the stored text is invalid. Raises ConfigError and ObjectError.
    """
    text = _text(bytes(request.object))
    if request.operation == "UPDATE" and text == _text(bytes(request.old_object)):
        return None
    if text is None:
        raise ConfigError([Problem("data", f"has no key {KEY}; add it")])
    return parse(text)


def _text(body: bytes) -> str | None:
    return _read(body).data.get(KEY)


def _line(error: ConfigError | ObjectError) -> str:
    """Write the problems on one line."""
    if isinstance(error, ObjectError):
        return printable(str(error), _PROBLEM)
    lines = [printable(str(problem), _PROBLEM) for problem in error.problems[:_SHOWN]]
    left = len(error.problems) - _SHOWN
    return "; ".join([*lines, f"and {left} more"] if left > 0 else lines)


def _allowed(request: AdmissionRequest, *warnings: str) -> AdmissionResponse:
    return AdmissionResponse(request.uid, True, warnings=warnings)
