"""Serves the page and the REST API on this machine's loopback, for `headroom ui`."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket
from threading import Event, Thread
from typing import Final

import click
from prometheus_client import CollectorRegistry

from webhook.cli.cluster import CannotTell, Target, connect
from webhook.cli.direct import Reader
from webhook.cli.live_account import LiveAccount, Refused
from webhook.cli.remote import remote
from webhook.http.listeners import listen
from webhook.http.plain_server import PlainServer
from webhook.web.answers import Answers
from webhook.web.loopback import Loopback
from webhook.web.pod_usage import PodUsages
from webhook.web.reporting_dispatcher import ReportingDispatcher
from webhook.web.reporting_routes import create_reporting_app
from webhook.web.sources import Sources

_HERE: Final = "127.0.0.1"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def bound(port: int) -> socket:
    """Return a socket that listens on loopback, at a free port for 0; raises `UsageError` if the port is taken."""
    try:
        return listen(_HERE, port)
    except OSError as error:
        raise click.UsageError(
            f"port {port} cannot be used ({error.strerror}): name another one with --port"
        ) from error


def sources(target: Target) -> tuple[LiveAccount, Sources]:
    """Read the account for the first time; raises `CannotTell`."""
    api = connect(target)
    live = LiveAccount(Reader(api, target.headroom_namespace), _refused(target))
    usage = PodUsages(api, time.monotonic).read
    return live, Sources(live, live.settings, usage, live.refusals, live.latest)


def _refused(target: Target) -> Callable[[], Refused] | None:
    """Return what asks Headroom in the cluster about refusals; None, which is said, where it cannot be asked."""
    if target.direct:
        return None
    headroom = remote(target)

    def ask() -> Refused:
        return Refused(headroom.denials({}), headroom.blocked({}))

    try:
        ask()
    except CannotTell as error:
        click.echo(f"Refusals are not shown: {error.message}", err=True)
        return None
    return ask


def serve(target: Target, sock: socket, interval: float, tell: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or a SIGTERM; `tell` is called with the page's address once it can be opened."""
    live, shown = sources(target)
    answers = Answers(shown)
    app = create_reporting_app(answers, shown, CollectorRegistry(), lambda: None, lambda: None)
    port = sock.getsockname()[1]
    server = PlainServer(Loopback(ReportingDispatcher(app, answers, rest=lambda _: None), port), sock)
    with _until_asked_to_end() as ending:
        serving = Thread(target=_run, args=(server, ending), name="page")
        serving.start()
        reading = Thread(target=live.run, args=(interval, ending), name="reading", daemon=True)  # it may wait for long
        reading.start()
        try:
            tell(f"http://{_HERE}:{port}/ui/")
            ending.wait()
        finally:
            ending.set()
            server.stop()
            serving.join()


def _run(server: PlainServer, ending: Event) -> None:
    try:
        server.run()
    finally:
        ending.set()


@contextmanager
def _until_asked_to_end() -> Iterator[Event]:
    """Yield an event that Ctrl-C or a SIGTERM sets."""
    ending = Event()
    before = [(each, signal.signal(each, lambda *_: ending.set())) for each in _SIGNALS]
    try:
        yield ending
    finally:
        for each, handler in before:
            signal.signal(each, handler)
