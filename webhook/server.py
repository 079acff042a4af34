"""The composition root: builds everything, starts the threads, serves, and stops all of it in order.

Nothing starts at import, and no other module starts a thread.
"""

import gc
import logging
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from prometheus_client import CollectorRegistry

from webhook import metrics, replica, watching
from webhook.admission import Admission
from webhook.app import create_app
from webhook.asgi import Door
from webhook.audit import AuditLog
from webhook.booking import Booking
from webhook.cases import Decided
from webhook.core.allotment import Timing
from webhook.kube import Api, configure
from webhook.settings import Settings
from webhook.tls import Outcome, ServingCertificate

log = logging.getLogger(__name__)

_REFRESH = 1.0  # seconds between looks at the certificate's files
_STOPPING = 5.0  # seconds for the threads to end


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that is fixed when a replica starts."""

    listen: str
    metrics_listen: str | None
    tls_cert_file: Path
    tls_key_file: Path
    kubeconfig: str | None
    namespace: str
    audit_file: str | None
    timing: Timing


def clock() -> float:
    """Seconds on a clock that also runs while the machine sleeps, since what others hold against us runs on then."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def serve(options: Options) -> None:
    """Run one replica until a signal says stop."""
    certificate = ServingCertificate(options.tls_cert_file, options.tls_key_file)
    api = Api(configure(options.kubeconfig), clock)
    name = secrets.token_hex(4)  # new for each process: whatever an earlier one held is not ours
    audit = AuditLog(name, time.time, options.audit_file)
    registry = CollectorRegistry(auto_describe=False)
    reviews = metrics.Reviews(registry)

    def observe(decided: Decided) -> None:
        reviews.record(decided)
        audit.record(decided)

    admission = Admission(name, options.timing, clock, observe)
    settings = Settings(admission.configure, admission.lack_config)
    registry.register(metrics.Account(admission, settings, audit, certificate))
    stop = Event()
    pods = watching.watch_pods(api, admission)
    booking = Booking(api, options.namespace, admission, stop, pods.request_proof)
    reflectors = (
        pods,
        watching.watch_nodes(api, admission),
        watching.watch_config(api, options.namespace, settings),
        watching.watch_allotments(api, options.namespace, booking),
    )
    threads = [
        *(Thread(target=reflector.run, name=type(reflector).__name__, daemon=True) for reflector in reflectors),
        Thread(target=booking.run, name="booking", daemon=True),
        Thread(target=_refresh, args=(certificate, stop), name="certificate", daemon=True),
    ]
    writer = Thread(target=audit.run, name="audit", daemon=True)
    for thread in (writer, *threads):
        thread.start()
    gc.freeze()  # what is there by now lives for ever: the collector need not look at it again
    log.info("replica %s starts", name)
    try:
        door = Door(admission, create_app(admission, registry))
        plain = [options.metrics_listen] if options.metrics_listen else []
        replica.serve(door, certificate.context(), options.listen, *plain)
    finally:
        booking.leave()
        stop.set()
        for reflector in reflectors:
            reflector.stop()
        for thread in threads:
            thread.join(_STOPPING)
        audit.stop()
        writer.join(_STOPPING)
        api.close()


def _refresh(certificate: ServingCertificate, stop: Event) -> None:
    """Look at the certificate's files now and then; say what is news."""
    told = ""
    while not stop.wait(_REFRESH):
        done = certificate.refresh(time.time())
        if done.outcome is Outcome.SWAPPED:
            log.info("serving the certificate %s from now on", certificate.fingerprint)
        if done.problem != told:
            told = done.problem
            if told:
                log.error("%s", told)
