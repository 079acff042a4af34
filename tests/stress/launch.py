"""`python launch.py [--validity S] [--lapse S] [--renew S] [--fault NAME] FLAGS`: `headroom serve FLAGS`, so timed.

Short times make storms short. A fault is what a careless Headroom would do, so that the witness has something to find.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from webhook import manager as server
from webhook.cli import main as cli
from webhook.controllers import recount as recounting
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.sharing.allotment import Allotment, Timing
from webhook.core.sharing.credit import SHARES, Credit

RECOUNT_SECONDS = 2.0

# What replicas with "switched-credit" are told, and what they say once they have done it.
LIMITED, UNLIMITED = signal.SIGRTMIN, signal.SIGRTMIN + 1
SWITCHED = "credit was switched"

# Whoever writes faults into a program bends its types: nothing here is checked but by what the witness says of it.
Patched = Any


def _forget_others() -> None:
    """Several replicas that know nothing of one another: each holds the whole bound."""

    def take(self: Patched, pod: PodInfo, now: float) -> bool:
        self._ledger.grant(pod, now)
        return True

    Allotment.take = take  # type: ignore[method-assign]  # that is the fault


def _release_on_sight() -> None:
    """Give a share back as soon as its pod is seen here, whether or not the others have seen it."""
    see = Ledger.see

    def see_and_retire(self: Patched, pod: PodInfo) -> None:
        see(self, pod)
        granted = self.reservations.get(pod.name, pod.uid)
        if granted is not None:
            self.reservations.retire([(pod.name, granted)])

    Ledger.see = see_and_retire  # type: ignore[method-assign]  # that is the fault


def _reserve_nothing() -> None:
    """Judge by the view alone, as most policies do: check, then let create."""

    def take(self: Patched, pod: PodInfo, now: float) -> bool:
        return True

    Allotment.take = take  # type: ignore[method-assign]  # that is the fault


def _switch_credit() -> None:
    """Grant whatever fits, or within the credit alone, as the last signal says: both can be compared in one process."""
    begin = Credit.__init__

    def begin_switchable(self: Patched, *args: Patched) -> None:
        begin(self, *args)

        def switch(number: int, _frame: object) -> None:
            self._shares = None if number == UNLIMITED else SHARES
            os.write(sys.stderr.fileno(), f"{SWITCHED}\n".encode())

        for number in (LIMITED, UNLIMITED):
            signal.signal(number, switch)

    Credit.__init__ = begin_switchable  # type: ignore[method-assign,assignment]  # that is the fault


FAULTS: dict[str, Callable[[], None]] = {
    "forget-others": _forget_others,
    "release-on-sight": _release_on_sight,
    "reserve-nothing": _reserve_nothing,
    "switched-credit": _switch_credit,
}


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, default in zip(Timing._fields, Timing(), strict=True):
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--fault", choices=FAULTS)
    own, flags = parser.parse_known_args()
    timing = Timing(*(getattr(own, name) for name in Timing._fields))
    serve = server.serve

    def serve_timed(options: server.Options) -> None:
        serve(replace(options, timing=timing))

    server.serve = serve_timed
    recounting._EVERY = RECOUNT_SECONDS
    if own.fault:
        FAULTS[own.fault]()
    sys.argv = ["headroom", "serve", *flags]
    cli.main()


if __name__ == "__main__":
    main()
