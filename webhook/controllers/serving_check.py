"""The serving check: a replica shakes hands with itself, and trusts only what the API server trusts.

A replica is ready only once it serves TLS with a chain that the gate's caBundle holds. Otherwise nobody would know that
they do not fit together before a create fails.

Load never makes a replica unready: a handshake that is slow, is cut, or finds no place among the connections says
nothing about the certificate, and changes nothing. A refused chain counts after several refusals in a row, because in a
renewal the bundle and the certificate arrive one after the other.
"""

import logging
from collections.abc import Callable, Iterable
from threading import Event

from webhook.http.handshake import HandshakeRefusedError, shake_hands
from webhook.kube.client import Api
from webhook.kube.gates import Called, read_gate
from webhook.kube.stream import KubeError

log = logging.getLogger(__name__)

GATE = "headroom"
_EVERY = 5.0  # seconds
_FIRST = 0.25  # the same until the first handshake
_REFUSALS = 6  # in a row, so half a minute
_TIMEOUT = 3.0  # seconds for each step
_NOT_YET = "this replica has not shaken hands with itself over TLS yet"

Shake = Callable[[tuple[str, int], str, str | None, float], None]
ReadGate = Callable[[Api, str, float], tuple[Called, ...] | None]


class ServingCheck:
    """Shakes hands with this replica's own listener `at` (host, port); `run` needs a thread of its own.

    Any thread may call `problem` and `gate_closed`.
    """

    def __init__(
        self,
        api: Api,
        at: tuple[str, int],
        stop: Event,
        shake: Shake = shake_hands,
        read: ReadGate = read_gate,
    ) -> None:
        self._api, self._at, self._stop = api, at, stop
        self._shake, self._read = shake, read
        self._calls: tuple[Called, ...] = ()  # as the gate was last read
        self._served = False
        self._refusals = 0
        self._problem: str | None = _NOT_YET
        self._logged = ""
        self._unread = ""  # why the gate could not be read

    def problem(self) -> str | None:
        """Say why the API server would refuse the certificate that is served here; None if it would not."""
        return self._problem

    def gate_closed(self) -> bool:
        """Say whether there is a gate that lets nothing in without an answer, as far as the gate could be read."""
        return any(each.required for each in self._calls)

    def run(self) -> None:
        """Look until stopped; never raises."""
        while not self._stop.wait(_EVERY if self._served else _FIRST):
            try:
                self.look()
            except Exception:
                log.exception("the certificate that is served could not be checked")

    def look(self) -> None:
        """Read the gate, and shake hands as each of its webhooks would."""
        self._read_gate()
        required = {(each.host, each.authorities) for each in self._calls if each.required}
        others = {(each.host, each.authorities) for each in self._calls if not each.required}
        try:
            refused = self._refused(required or {("localhost", "")})
            courtesy = self._refused(others - required)
        except OSError as error:
            if not self._served:
                self._problem = f"{_NOT_YET}: {error}"
            return
        self._judge(refused)
        self._log(refused or courtesy)

    def _read_gate(self) -> None:
        try:
            found = self._read(self._api, GATE, _TIMEOUT)
        except (KubeError, ValueError) as error:
            self._log_unread(str(error))
            return  # what was read last is still the best that is known
        self._log_unread("")
        self._calls = found or ()

    def _log_unread(self, text: str) -> None:
        if text and text != self._unread:
            log.warning("the gate %s cannot be read, so it is not known what it trusts: %s", GATE, text)
        self._unread = text

    def _refused(self, trusting: Iterable[tuple[str, str]]) -> str:
        """Say why a handshake is refused; empty if none is. Raises OSError if one has no result."""
        for host, authorities in sorted(trusting):
            try:
                self._shake(self._at, host or "localhost", authorities or None, _TIMEOUT)
            except HandshakeRefusedError as error:
                if not authorities:
                    return f"the TLS handshake with this replica fails: {error}"
                return f"the API server would refuse the certificate that is served here, for {host}: {error}"
        return ""

    def _judge(self, refused: str) -> None:
        self._refusals = self._refusals + 1 if refused else 0
        if not refused:
            self._served, self._problem = True, None
        elif not self._served or self._refusals >= _REFUSALS:
            self._problem = refused

    def _log(self, text: str) -> None:
        if text != self._logged:
            self._logged = text
            if text:
                log.warning("%s; compare the certificate's Secret with the caBundle of the gate", text)
            else:
                log.info("the API server would accept the certificate that is served here")
