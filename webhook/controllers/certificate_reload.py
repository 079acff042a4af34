"""Certificate reload: serves a renewed certificate from its files without a restart."""

import logging
from collections.abc import Callable
from threading import Event

from webhook.http.tls import Outcome, ServingCertificate

log = logging.getLogger(__name__)

_EVERY = 1.0  # seconds between checks of the files


class CertificateReload:
    """Checks the certificate's files every second, and logs each change and each new problem.

    `clock` returns the time of day in seconds since 1970.
    """

    def __init__(self, certificate: ServingCertificate, stop: Event, clock: Callable[[], float]) -> None:
        self._certificate = certificate
        self._stop = stop
        self._clock = clock

    def run(self) -> None:
        """Check until stopped; it needs a thread of its own."""
        logged = ""
        while not self._stop.wait(_EVERY):
            done = self._certificate.refresh(self._clock())
            if done.outcome is Outcome.SWAPPED:
                log.info("serving the certificate %s from now on", self._certificate.fingerprint)
            if done.problem != logged:
                logged = done.problem
                if logged:
                    log.error("%s", logged)
