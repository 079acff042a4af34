"""Headroom's REST API over an account that a test makes, on a port of its own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Thread

from prometheus_client import CollectorRegistry
from werkzeug.serving import make_server

from webhook.core.config.render import digest
from webhook.core.ledger.ledger import Ledger
from webhook.core.reporting.report import Circumstances, Report
from webhook.core.reporting.rows import BlockedRow, DenialRow
from webhook.web.answers import Answers
from webhook.web.reporting_routes import create_reporting_app
from webhook.web.sources import Settings, Sources, UsageError


class Account:
    """A report of a ledger, as `ReportSource` hands it out."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        config = ledger.accounting.config
        self.settings = Settings(config, digest(config), None)

    def latest(self) -> Report:
        """Return the ledger as it is now."""
        said = Circumstances(as_of="2026-01-02T03:04:05.000+00:00", config_hash=self.settings.digest)
        return Report(self._ledger.account(0.0), said)


class Refused:
    """Refusals that a test gives."""

    revision = 0

    def __init__(self, denials: Iterable[DenialRow] = (), blocked: Iterable[BlockedRow] = ()) -> None:
        self._denials, self._blocked = tuple(denials), tuple(blocked)

    def denials(self) -> tuple[DenialRow, ...]:
        """Return recent refusals."""
        return self._denials

    def blocked(self) -> tuple[BlockedRow, ...]:
        """Return who still waits."""
        return self._blocked


NOBODY = Refused()


def sources(account: Account, refused: Refused = NOBODY) -> Sources:
    """Return what the API shows of an account."""

    def usage() -> bytes:
        raise UsageError("there is no metrics server")

    return Sources(account, lambda: account.settings, usage, refused, account.latest)


@contextmanager
def served(account: Account, refused: Refused = NOBODY) -> Iterator[str]:
    """Serve the API of an account; yield its address."""
    shown = sources(account, refused)
    app = create_reporting_app(Answers(shown), shown, CollectorRegistry(), lambda: None, lambda: None)
    server = make_server("127.0.0.1", 0, app)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
