"""`python launch.py [--validity S] [--lapse S] [--renew S] [--fault NAME] FLAGS`: `headroom serve FLAGS` so timed.

Short times make storms short. A fault makes Headroom wrong on purpose, so that the witness has something to find.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from certs import rotation
from certs.authority import issue, make_authority
from certs.keyring import Keyring, Step, Waits, new_token
from certs.rotation import Policy
from webhook import manager as server
from webhook.cli import main as cli
from webhook.controllers import certificate_rotation
from webhook.controllers import recount as recounting
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.sharing.allotment import Timing
from webhook.core.sharing.credit import SHARES, Credit
from webhook.core.sharing.grants import Grants
from webhook.http.connection import Connection
from webhook.observability.logging import LogWriter

RECOUNT_SECONDS = 2.0

# The signals for replicas with the fault "switched-credit", and what they print once they have switched.
LIMITED, UNLIMITED = signal.SIGRTMIN, signal.SIGRTMIN + 1
SWITCHED = "credit was switched"

# A fault that is patched into a program does not fit its types: only the witness's findings check this code.
Patched = Any


def _forget_others() -> None:
    """Make replicas ignore each other: each grants up to the whole bound."""

    def take(self: Patched, pod: PodInfo, now: float) -> bool:
        self._ledger.grant(pod, now)
        return True

    Grants.take = take  # type: ignore[method-assign]  # that is the fault


def _release_on_sight() -> None:
    """Retire a reservation as soon as this replica sees its pod, whether or not the other replicas see it."""
    see = Ledger.see

    def see_and_retire(self: Patched, pod: PodInfo) -> None:
        see(self, pod)
        granted = self.reservations.get(pod.name, pod.uid)
        if granted is not None:
            self.reservations.retire([(pod.name, granted)])

    Ledger.see = see_and_retire  # type: ignore[method-assign]  # that is the fault


def _reserve_nothing() -> None:
    """Judge by the view alone and reserve nothing, as most admission policies do."""

    def take(self: Patched, pod: PodInfo, now: float) -> bool:
        return True

    Grants.take = take  # type: ignore[method-assign]  # that is the fault


def _switch_credit() -> None:
    """Grant with or without the limit of credit, as the last signal says, to compare both in one process."""
    begin = Credit.__init__

    def begin_switchable(self: Patched, *args: Patched) -> None:
        begin(self, *args)

        def switch(number: int, _frame: object) -> None:
            self._shares = None if number == UNLIMITED else SHARES
            os.write(sys.stderr.fileno(), f"{SWITCHED}\n".encode())

        for number in (LIMITED, UNLIMITED):
            signal.signal(number, switch)

    Credit.__init__ = begin_switchable  # type: ignore[method-assign,assignment]  # that is the fault


def _exchange_at_once() -> None:
    """Exchange authority, certificate and path in one step, as if every API server and replica followed at once."""

    def exchanged(held: Keyring, now: datetime, policy: Policy, waits: Waits) -> Keyring:
        made = make_authority("exchanged", now)
        serving, token = issue(made, policy.names, now), new_token()
        return replace(
            held,
            authority=made,
            trusted=(made.certificate,),
            serving=serving,
            path=token,
            paths=(token,),
            step=Step.STEADY,
            waits=waits,
        )

    rotation._published = exchanged
    vars(certificate_rotation)["may_serve"] = lambda *_: True


def _fresh_connections() -> None:
    """Close each connection after one answer, so that every call of the API server does a handshake."""
    Connection._is_outdated = lambda self: True  # type: ignore[method-assign]  # noqa: ARG005 - as it is called


FAULTS: dict[str, Callable[[], None]] = {
    "forget-others": _forget_others,
    "release-on-sight": _release_on_sight,
    "reserve-nothing": _reserve_nothing,
    "switched-credit": _switch_credit,
    "exchange-at-once": _exchange_at_once,
}


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, default in zip(Timing._fields, Timing(), strict=True):
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--output", help="write standard output and standard error into this pipe, as a container does")
    parser.add_argument("--fresh", action="store_true", help="every call of the API server does a handshake")
    own, flags = parser.parse_known_args()
    timing = Timing(*(getattr(own, name) for name in Timing._fields))
    serve = server.serve

    def serve_timed(options: server.Options, log_writer: LogWriter | None = None) -> None:
        serve(replace(options, timing=timing), log_writer)

    server.serve = serve_timed
    recounting._EVERY = RECOUNT_SECONDS
    if own.output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(own.output, os.O_WRONLY), stream.fileno())
    if own.fresh:
        _fresh_connections()
    if own.fault:
        FAULTS[own.fault]()
    sys.argv = ["headroom", "serve", *flags]
    cli.main()


if __name__ == "__main__":
    main()
