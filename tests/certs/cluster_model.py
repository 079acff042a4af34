"""A cluster as a rotation sees it: one Secret, one gate, and replicas that read, serve, crash and are cut off."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from certs import names
from certs.keyring import Keyring, Waits, read, write
from certs.renewal import signed_by
from certs.rotation import Action, Asked, Entry, Point, Policy, Seen, Write, fingerprint, may_serve, next_action

SECOND = timedelta(seconds=1)
WAITS = Waits(60 * SECOND, timedelta(days=1))
POLICY = Policy(names.parse(["a.test"], []), waits=WAITS)


@dataclass
class Replica:
    """One replica: what it has read, and what it shows. It reads the Secret more often than any step waits."""

    name: str
    up: bool = True
    cut: bool = False  # off from the API server; those who call it reach it
    remembered: Keyring | None = None
    shown: Keyring | None = None  # whose certificate it serves
    accepted: tuple[str, ...] = ()
    same: tuple[object, ...] = ()
    since: float = 0.0
    action: Action | None = None
    revisions: tuple[int, int] = (0, 0)


@dataclass
class Model:
    """The cluster. `written` is False while the gate is as somebody else left it."""

    replicas: list[Replica]
    now: datetime = datetime(2026, 7, 1, tzinfo=UTC)
    clock: float = 0.0
    data: dict[str, bytes] | None = None
    secret_revision: int = 0
    gate: tuple[Entry, ...] | None = None
    gate_revision: int = 0
    written: bool = False
    asked: Asked | None = None
    lost: bool = False  # whether it was somebody else's deed that nobody can verify what some replicas serve
    parsed: tuple[dict[str, bytes] | None, Keyring | None] | None = None
    steps: set[str] = field(default_factory=set)

    def kept(self) -> Keyring | None:
        """The keyring in the Secret; None if it is missing or damaged."""
        if self.parsed is None or self.parsed[0] is not self.data:
            try:
                self.parsed = (self.data, None if self.data is None else read(self.data))
            except ValueError:
                self.parsed = (self.data, None)
        return self.parsed[1]

    # -- what a replica does -------------------------------------------------------------------------------------------

    def reload(self, replica: Replica) -> None:
        """Read the Secret, and serve what it holds if every caller can verify it."""
        kept = self.kept()
        if replica.cut or not replica.up or kept is None:
            return
        replica.remembered = kept
        if may_serve(kept, self.gate):
            replica.shown = kept
        if replica.shown is not None:
            replica.accepted = kept.paths

    def look(self, replica: Replica) -> None:
        """Begin a pass: read the gate, then the Secret, and decide. The write comes later, or never."""
        gate, self_seen = self.gate, (self.gate_revision, self.secret_revision)
        self.reload(replica)
        kept = self.kept()
        if replica.same != (gate, kept is None, self_seen[1]):
            replica.same, replica.since = (gate, kept is None, self_seen[1]), self.clock
        unchanged = timedelta(seconds=self.clock - replica.since)
        seen = Seen(kept, gate, self.now, replica.remembered, unchanged, self.asked, self.dialled())
        replica.action, replica.revisions = next_action(seen, POLICY), self_seen

    def dialled(self) -> dict[str, str | None]:
        """What every replica that calls may reach shows."""
        return {
            each.name: fingerprint(each.shown.serving.certificate)
            for each in self.replicas
            if each.up and each.shown is not None
        }

    def act(self, replica: Replica, *, arrives: bool = True) -> bool:
        """Carry out what was decided, unless somebody else was first (409) or the write is lost; say whether it was."""
        action, replica.action = replica.action, None
        gate_revision, secret_revision = replica.revisions
        if not arrives or replica.cut or not replica.up:
            return False
        if isinstance(action, Write) and secret_revision == self.secret_revision:
            self._note_a_loss(action)
            self.data = write(action.keyring)
            self.secret_revision += 1
            self.steps.add(action.keyring.step)
            if action.taken:
                self.asked = None
            return True
        if isinstance(action, Point) and self.gate is not None and gate_revision == self.gate_revision:
            assert action.trusted, "an empty bundle"
            self.gate = tuple(Entry(action.trusted, action.token) for _ in self.gate)
            self.gate_revision += 1
            self.written = True
            return True
        return False

    def _note_a_loss(self, action: Write) -> None:
        """Note where the Secret and the gate were both somebody else's deed: then nothing says what is served."""
        if self.kept() is None and not (self.written and self.gate is not None):
            self.lost = any(
                (each.up and not any(signed_by(each.shown.serving.certificate, ca) for ca in action.keyring.trusted))
                or action.keyring.path not in each.accepted
                for each in self.replicas
                if each.shown is not None
            )

    # -- what must hold ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Whoever calls by the gate as Headroom wrote it verifies every replica, and sends what it accepts."""
        if self.lost and all(each.remembered is None or self._is_current(each) for each in self.replicas if each.up):
            self.lost = False
        if self.gate is None or not self.written or self.lost:
            return
        for replica in self.replicas:
            if not replica.up or replica.shown is None:
                continue
            for entry in self.gate:
                leaf = replica.shown.serving.certificate
                assert any(signed_by(leaf, each) for each in entry.trusted), f"{replica.name} cannot be verified"
                assert entry.token in replica.accepted, f"{replica.name} does not accept the path"

    def _is_current(self, replica: Replica) -> bool:
        kept = self.kept()
        return kept is not None and replica.shown is not None and replica.shown.serving == kept.serving
