"""A server process with the shipped server, around a cluster state that needs no cluster and books by itself."""

import argparse
import threading
import time
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter

from tests.support.replica import Judge
from tests.support.reports import sources
from webhook.admission import deadlines as patience
from webhook.http import worker as replica
from webhook.http.client_certificates import Clients
from webhook.http.listeners import Limits
from webhook.http.plain_server import PlainServer
from webhook.http.pulse import Pulse
from webhook.http.tls import ServingCertificate
from webhook.web.dispatcher import Dispatcher
from webhook.web.exposition import exposition
from webhook.web.reporting import reporting, silence
from webhook.web.routes import create_app

WAITING = "waits"  # the file waits-N is created once more than N reviews wait for a booking
CLIENTS = "clients.crt"  # if this file exists, clients must have a certificate from one of its authorities
LARGE = "/large"  # a page of some megabytes over TLS, as /metrics is without
BOOK = "book"  # with --hold, bookings begin once the parent process creates this file


def main() -> None:
    """Run the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--listen")
    parser.add_argument("--plain")
    parser.add_argument("--limits")
    parser.add_argument("--hold", action="store_true")
    asked = parser.parse_args()
    judge = Judge(seconds=time.monotonic)
    judge.configure()
    judge.sync()
    judge.prepare()
    book = partial(_book_when_told, judge, asked.folder) if asked.hold else partial(_book, judge)
    threading.Thread(target=book, daemon=True).start()
    registry = CollectorRegistry()
    large = Counter("large", "Makes /metrics an answer of some megabytes.", ("label",), registry=registry)
    for index in range(2_000):
        large.labels(f"{index:01000}").inc()
    pulse = Pulse()
    app = create_app(judge.admission, unready=lambda: silence(pulse))
    app.add_url_rule(LARGE, view_func=lambda: exposition(registry))  # no shipped page over TLS is large
    dispatcher = Dispatcher(judge.admission, app)
    plain = reporting(sources(), registry, judge.admission.state.readiness.unready, pulse)
    authorities = asked.folder / CLIENTS
    certificate = ServingCertificate(
        asked.folder / "tls.crt", asked.folder / "tls.key", authorities if authorities.exists() else None
    )
    threading.Thread(target=_refresh, args=[certificate], daemon=True).start()
    clients = Clients(certificate, "kube-apiserver") if authorities.exists() else None
    told = zip(Limits._fields, Limits(), asked.limits.split(","), strict=True)
    limits = Limits(**{name: type(shipped)(text) for name, shipped, text in told})  # type: ignore[arg-type]
    reader = PlainServer(plain, asked.plain, limits)
    thread = threading.Thread(target=reader.run)
    thread.start()
    try:
        drained = replica.serve(dispatcher, certificate.context(), asked.listen, limits, clients, pulse)
    finally:
        reader.stop()
        thread.join()
    print("drained" if drained else "interrupted", flush=True)


def _refresh(certificate: ServingCertificate) -> None:
    while True:
        certificate.refresh(time.time())
        time.sleep(0.02)


def _book(judge: Judge) -> None:
    while True:
        judge.admission.state.bookings.await_work(1.0)
        judge.book()


def _book_when_told(judge: Judge, folder: Path) -> None:
    patience._WAIT = 60.0  # seconds: the test decides when the wait ends
    while not (folder / BOOK).exists():
        for number in range(len(judge.admission.state.reviews.pending)):
            (folder / f"{WAITING}-{number}").touch()
        time.sleep(0.01)
    _book(judge)


if __name__ == "__main__":
    main()
