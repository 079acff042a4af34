"""The rotation of the certificate: a loop that reads, takes up what this replica may serve, and does one next thing.

read the gate, then the Secret ──► take it up ──► holds the Lease? ──► next action ──► write by compare-and-swap

Every replica reads, and serves a new certificate once the live gate trusts it. Only the holder of the Lease writes.
What it writes follows from what it has read alone (`certs/rotation.py`), so another replica goes on where it ended.

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
from webhook.controllers.keyring_store import KeyringStore, Stored
from webhook.controllers.lease_holder import LeaseHolder
from webhook.controllers.replicas import Replicas
from webhook.kube.objects import Found, Objects
from webhook.kube.stream import Conflict, KubeError, NotFound

log = logging.getLogger(__name__)

MANAGER: Final = "headroom-certificates"
"""The field manager of what the rotation writes."""

USUAL: Final = 2.0  # seconds between two passes; much shorter than the shortest usual wait of a rotation
SOON: Final = 1.0  # while something is under way
_MOST_FAULTS: Final = 20  # passes in a row with an unforeseen error, after which another replica is to try
_LATE: Final = 600.0  # seconds


class Taker(NamedTuple):
    """Who is given what the keyring holds."""

    hold: Callable[[Pair], bool]
    accept: Callable[[tuple[str, ...]], None]


class State(NamedTuple):
    """How the rotation stands, for metrics; times in seconds since 1970."""

    step: str = ""
    authority_expires_at: float = 0.0
    succeeded_at: float = 0.0
    foreign_terms: int = 0


class CertificateRotation:
    """Keeps the keyring, the gate and this replica's certificate up to date; `run` and `look` belong to one thread."""

    def __init__(
        self,
        store: KeyringStore,
        configurations: Objects,
        lease: LeaseHolder,
        replicas: Replicas,
        policy: Policy,
        taker: Taker,
        stop: Event,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._store, self._configurations = store, configurations
        self._lease, self._replicas = lease, replicas
        self._policy, self._taker = policy, taker
        self._stop, self._clock, self._wall_clock = stop, clock, wall_clock
        self._remembered: Keyring | None = None
        self._serves: Keyring | None = None
        self._same: tuple[object, ...] = ()
        self._since = 0.0
        self._told: dict[str, str] = {}
        self._faults = 0
        self._ahead = 0.0  # seconds by which the API server's clock is ahead of this machine's
        self._busy = True
        self._state = State()

    @property
    def serves(self) -> bool:
        """Whether this replica has had a certificate to serve."""
        return self._serves is not None

    def state(self) -> State:
        """Return how the rotation stands; any thread may ask."""
        return self._state

    def begin(self) -> None:
        """Look until there is a certificate that may be served, or until stopped. The Lease needs no thread yet."""
        while not self._stop.is_set():
            try:
                self._lease.renew()
            except Conflict:  # another replica was first
                pass
            except KubeError as error:
                self._tell("lease", f"the Lease cannot be read or written: {error}")
            self.look()
            if self.serves:
                return
            self._stop.wait(SOON)

    def run(self) -> None:
        """Look until stopped. Without this loop, the replica does not keep the Lease."""
        try:
            while not self._stop.wait(SOON if self._busy else USUAL):
                self.look()
        finally:
            if not self._stop.is_set():
                self._lease.lose()

    def time(self) -> float:
        """Return the time of day in seconds since 1970, by the API server's clock; any thread may ask."""
        return self._wall_clock() + self._ahead

    def look(self) -> None:
        """Do one pass; never raises. What fails is tried again, and said once."""
        try:
            self._pass()
        except (Conflict, NotFound):  # another writer was first: look again
            self._busy = True
        except KubeError as error:
            self._tell("failed", f"the certificate cannot be looked after; trying again: {error}")
        except Exception:
            log.exception("the certificate could not be looked after")
            self._faults += 1
            if self._faults == _MOST_FAULTS:
                self._lease.lose()
        else:
            self._faults = 0
            self._tell("failed", "")
            self._state = self._state._replace(succeeded_at=self._wall_clock())

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
        # Without a Secret, no answer for it names the time: the first certificate has it from that for the gate.
        self._ahead = self._clock_difference(stored.at or (live and live.at))
        if self._lease.held():
            self._act(live, gate, stored)

    def _take_up(self, keyring: Keyring | None, gate: tuple[Entry, ...] | None) -> None:
        if keyring is None:
            return
        self._remembered = keyring
        self._taker.accept(keyring.paths)
        self._state = self._state._replace(
            step=keyring.step.value,
            authority_expires_at=keyring.authority.certificate.not_valid_after_utc.timestamp(),
        )
        if may_serve(keyring, gate):
            self._serves = keyring
            self._taker.hold(keyring.serving)

    # -- what only the holder of the Lease does ------------------------------------------------------------------------

    def _act(self, live: Found | None, gate: tuple[Entry, ...] | None, stored: Stored) -> None:
        now = datetime.fromtimestamp(self.time(), UTC)
        seen = Seen(stored.keyring, gate, now, self._remembered, self._unchanged(gate, stored), stored.asked)
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

    def _clock_difference(self, at: datetime | None) -> float:
        if at is None:
            return self._ahead
        ahead = at.timestamp() - self._wall_clock()
        if abs(ahead) > _LATE:
            self._tell("clock", f"the API server's clock is {ahead:+.0f} s off this machine's, and counts")
        return ahead if abs(ahead) > 1 else 0.0  # the API server names whole seconds

    # -- what is said --------------------------------------------------------------------------------------------------

    def _report_foreign_terms(self, live: Found) -> None:
        terms = gates.foreign_terms(live.object)
        self._state = self._state._replace(foreign_terms=len(terms))
        if terms:
            self._tell("terms", f"the gate leaves out namespaces by labels that are not Headroom's: {', '.join(terms)}")

    def _tell(self, about: str, text: str) -> None:
        """Say what has changed, once; an empty text says nothing, and that what was said is over."""
        if self._told.get(about, "") == text:
            return
        self._told[about] = text
        if text:
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
