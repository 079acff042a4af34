"""The rotation of this replica's own certificate: a loop that reads, takes up what it may serve, and does one next thing.

read the gate, then the Secret ──► take it up ──► holds the Lease? ──► next action ──► write by compare-and-swap

Every replica reads, and serves a new certificate once the live gate trusts it. Only the holder of the Lease writes. What
it writes follows from what it has read alone (`certs/rotation.py`), so another replica goes on where it ended.

The time of day is that of the API server, which verifies the certificates; a wrong clock of this machine does no harm.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Final, NamedTuple

from certs.bundle import Pair
from certs.keyring import Keyring
from certs.rotation import Action, Dial, Entry, Point, Policy, Rest, Seen, Write, fingerprint, may_serve, next_action
from webhook.controllers import gate as gates
from webhook.controllers.election import Election
from webhook.controllers.keyring_store import KeyringStore, Stored
from webhook.controllers.replicas import Replicas
from webhook.kube.objects import Found, Objects
from webhook.kube.stream import Conflict, KubeError, NotFound

log = logging.getLogger(__name__)

USUAL: Final = 5.0  # seconds between two passes; much shorter than the shortest usual wait of a rotation
SOON: Final = 1.0  # while something is under way
_MOST_FAILURES: Final = 3  # passes in a row, after which another replica is to try
_LATE: Final = timedelta(minutes=10)


class Taker(NamedTuple):
    """Who is given what the keyring holds."""

    hold: Callable[[Pair], bool]
    accept: Callable[[tuple[str, ...]], None]


class Shown(NamedTuple):
    """What metrics say of the rotation."""

    step: str = ""
    authority_expires_at: float = 0.0
    succeeded_at: float = 0.0
    holds_lease: bool = False
    foreign_terms: int = 0


class CertificateRotation:
    """Keeps the keyring, the gate and this replica's certificate up to date; `run` and `look` belong to one thread."""

    def __init__(
        self,
        store: KeyringStore,
        configurations: Objects,
        election: Election,
        replicas: Replicas,
        policy: Policy,
        taker: Taker,
        stop: Event,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._store, self._configurations = store, configurations
        self._election, self._replicas = election, replicas
        self._policy, self._taker = policy, taker
        self._stop, self._clock, self._wall_clock = stop, clock, wall_clock
        self._remembered: Keyring | None = None
        self._serves: Keyring | None = None
        self._same: tuple[object, ...] = ()
        self._since = 0.0
        self._told: tuple[str, ...] = ()
        self._failures = 0
        self._busy = True
        self.shown = Shown()

    @property
    def serves(self) -> bool:
        """Whether this replica has had a certificate to serve."""
        return self._serves is not None

    def begin(self) -> None:
        """Look until there is a certificate that may be served, or until stopped."""
        while not self._stop.is_set():
            self.look()
            if self.serves:
                return
            self._stop.wait(SOON)

    def run(self) -> None:
        """Look until stopped; never raises."""
        while not self._stop.wait(SOON if self._busy else USUAL):
            self.look()

    def leave(self) -> None:
        """Leave the Lease to another replica, when this one ends."""
        try:
            if self._election.is_held:
                self._election.release()
        except (KubeError, ValueError) as error:
            log.info("the Lease was not released: %s", error)

    def look(self) -> None:
        """Do one pass; never raises. What fails is tried again, and said once."""
        try:
            self._pass()
        except (Conflict, NotFound):  # another writer was first: look again
            self._busy = True
        except KubeError as error:
            self._failed(str(error))
        except Exception:
            log.exception("the certificate could not be looked after")
            self._failed("")
        else:
            self._failures = 0
            self.shown = self.shown._replace(succeeded_at=self._wall_clock())
        self.shown = self.shown._replace(holds_lease=self._election.is_held)

    def _failed(self, problem: str) -> None:
        self._failures += 1
        if problem:
            self._tell("failed", f"the certificate cannot be looked after; trying again: {problem}")
        if self._failures % _MOST_FAILURES == 0 and self._election.is_held:
            try:
                self._election.abstain()
            except (KubeError, ValueError) as error:
                log.info("the Lease was not released: %s", error)

    def _pass(self) -> None:
        live = self._configurations.get(gates.NAME)  # before the Secret: certs/rotation.py says why
        stored = self._store.read(self._policy.waits)
        gate = None if live is None else gates.entries(live.object)
        self._take_up(stored.keyring, gate)
        self._busy = not self.serves or stored.keyring is None or live is None
        if live is not None:
            self._report_foreign_terms(live)
        if stored.fault and (stored.revision or self._remembered is not None):
            self._tell("fault", f"{stored.fault}; it is restored")
        if stored.bad_request:
            self._tell("request", stored.bad_request)
        if self._election.hold():
            self._act(live, gate, stored)

    def _take_up(self, keyring: Keyring | None, gate: tuple[Entry, ...] | None) -> None:
        if keyring is None:
            return
        self._remembered = keyring
        self._taker.accept(keyring.paths)
        self.shown = self.shown._replace(
            step=keyring.step.value,
            authority_expires_at=keyring.authority.certificate.not_valid_after_utc.timestamp(),
        )
        if may_serve(keyring, gate):
            self._serves = keyring
            self._taker.hold(keyring.serving)

    # -- what only the holder of the Lease does ------------------------------------------------------------------------

    def _act(self, live: Found | None, gate: tuple[Entry, ...] | None, stored: Stored) -> None:
        seen = Seen(
            stored.keyring, gate, self._now(stored), self._remembered, self._unchanged(gate, stored), stored.asked
        )
        action = next_action(seen, self._policy)
        if isinstance(action, Dial) and stored.keyring is not None:
            served = self._replicas.served(fingerprint(stored.keyring.serving.certificate))
            action = next_action(replace(seen, served=served), self._policy)
        self._busy = not isinstance(action, Rest) or self._busy or _is_soon(stored.keyring)
        self._carry_out(action, live, stored)

    def _carry_out(self, action: Action, live: Found | None, stored: Stored) -> None:
        match action:
            case Write(keyring, why, taken):
                self._store.write(stored, keyring, taken=taken)
                log.info("%s; the rotation's step is %s", why, keyring.step)
            case Point(trusted, token) if live is not None:
                self._configurations.replace(gates.pointed(live.object, trusted, token))
                log.info("the gate trusts %d authorities and leads to the path that replicas accept", len(trusted))
            case Rest(why):
                self._tell("waits", f"the certificate: {why}")

    def _unchanged(self, gate: tuple[Entry, ...] | None, stored: Stored) -> timedelta:
        """Return for how long this holder has seen the Secret and the gate as they are."""
        if self._same != (gate, stored.revision):
            self._same, self._since = (gate, stored.revision), self._clock()
        return timedelta(seconds=self._clock() - self._since)

    def _now(self, stored: Stored) -> datetime:
        here = datetime.fromtimestamp(self._wall_clock(), UTC)
        if stored.at is not None and abs(stored.at - here) > _LATE:
            self._tell("clock", f"this machine's clock says {here:%F %T}, the API server's {stored.at:%F %T}")
        return stored.at or here

    # -- what is said --------------------------------------------------------------------------------------------------

    def _report_foreign_terms(self, live: Found) -> None:
        terms = gates.foreign_terms(live.object)
        self.shown = self.shown._replace(foreign_terms=len(terms))
        if terms:
            self._tell("terms", f"the gate leaves out namespaces by labels that are not Headroom's: {', '.join(terms)}")

    def _tell(self, about: str, text: str) -> None:
        """Say what has changed, once."""
        line = (about, text)
        if line in self._told:
            return
        self._told = (*(each for each in self._told if each[0] != about), line)  # type: ignore[assignment]
        log.log(logging.INFO if about == "waits" else logging.WARNING, "%s", text)


def _is_soon(keyring: Keyring | None) -> bool:
    """Say whether the next step is due within a minute or so."""
    if keyring is None:
        return True
    match keyring.step:
        case "publish" | "sign":
            return True
        case "retire":
            return keyring.waits.retire <= timedelta(minutes=2)
    return False
