"""Rotations under crashes, lost writes, two rotators at once, edits by others and clocks that jump.

Whatever happens, whoever calls by a gate that Headroom wrote verifies every replica, and sends a path that it accepts.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from certs import rotation
from certs.authority import make_authority
from certs.keyring import PLAIN, Keyring, Step, Waits, new_token
from certs.rotation import Action, Asked, Entry, Point, Policy, Rest, Seen, Write
from tests.certs import cluster_model as model
from tests.certs.cluster_model import SECOND, Model, Replica

FOREIGN = make_authority("foreign", Model([]).now)
WHICH = st.integers(0, 2)
TOKEN = new_token()
EDITS = (
    Entry((), None),
    Entry((), PLAIN),
    Entry((FOREIGN.certificate,), PLAIN),
    Entry((FOREIGN.certificate,), TOKEN),
)


class Rotating(RuleBasedStateMachine):
    @initialize(others=st.booleans(), gate=st.booleans())
    def begin(self, *, others: bool, gate: bool) -> None:
        """Three replicas; before them, the gate may have been another kind of certificate's."""
        self.model = Model([Replica(str(number)) for number in range(3)])
        if gate:
            self.model.gate = (EDITS[2 if others else 1],) * 2

    def replica(self, number: int) -> Replica:
        return self.model.replicas[number]

    @rule(number=WHICH, passes=st.integers(1, 6))
    def several_passes(self, number: int, passes: int) -> None:
        """One replica holds the Lease, and others read."""
        for _ in range(passes):
            self.model.look(self.replica(number))
            self.model.act(self.replica(number))
            self.model.check()
            for each in self.model.replicas:
                self.model.reload(each)
            self.model.check()

    @rule(number=WHICH)
    def look(self, number: int) -> None:
        """A pass begins, and has not written yet: another one may begin meanwhile."""
        self.model.look(self.replica(number))

    @rule(number=WHICH, arrives=st.booleans())
    def write(self, number: int, *, arrives: bool) -> None:
        self.model.act(self.replica(number), arrives=arrives)

    @rule(number=WHICH)
    def reload(self, number: int) -> None:
        self.model.reload(self.replica(number))

    @rule(number=WHICH)
    def crash(self, number: int) -> None:
        """It begins again without a memory, and is not called before it serves."""
        self.model.replicas[number] = Replica(str(number))

    @rule(number=WHICH, up=st.booleans())
    def scale(self, number: int, *, up: bool) -> None:
        self.model.replicas[number] = Replica(str(number), up=up)

    @rule(number=WHICH, cut=st.booleans())
    def part(self, number: int, *, cut: bool) -> None:
        """The API server is away for one replica, or there again."""
        self.replica(number).cut = cut

    @rule(seconds=st.sampled_from([1, 30, 61, 3600, 90_000, 20 * 86_400, 70 * 86_400, 1200 * 86_400]))
    def wait(self, seconds: int) -> None:
        """Time passes; who can read the Secret does so meanwhile."""
        if seconds > 1:
            for each in self.model.replicas:
                self.model.reload(each)
                each.action = None
        self.model.now += timedelta(seconds=seconds)
        self.model.clock += seconds

    @rule(seconds=st.sampled_from([-400 * 86_400, -90_000, -10, 10, 90_000, 400 * 86_400]))
    def set_the_clock(self, seconds: int) -> None:
        self.model.now += timedelta(seconds=seconds)

    @rule(authority=st.booleans())
    def ask(self, *, authority: bool) -> None:
        self.model.asked = Asked(authority, Waits(10 * SECOND, 20 * SECOND))

    @rule(key=st.sampled_from([None, "ca.crt", "ca.key", "tls.crt", "tls.key", "paths.json", "rotation.json"]))
    def damage_the_secret(self, key: str | None) -> None:
        assume(self.model.data is not None)
        if self.model.data is not None:
            self.model.data = None if key is None else {**self.model.data, key: b"damaged"}
        self.model.secret_revision += 1

    @rule(which=st.integers(0, 1), edit=st.sampled_from(EDITS))
    def edit_the_gate(self, which: int, edit: Entry) -> None:
        """Somebody else writes one entry."""
        if self.model.gate is not None:
            self.model.gate = (self.model.gate[which], edit)
            self.model.gate_revision += 1
            self.model.written = False

    @rule(there=st.booleans())
    def open_or_close_the_gate(self, *, there: bool) -> None:
        """It is deleted, or applied as the manifests have it, without a bundle and a path."""
        self.model.gate = (Entry((), None),) * 2 if there else None
        self.model.gate_revision += 1
        self.model.written = False

    @invariant()
    def callers_are_served(self) -> None:
        if hasattr(self, "model"):
            self.model.check()

    def teardown(self) -> None:
        """Once the faults end, all come to the same state, and nothing old is left."""
        if not hasattr(self, "model"):
            return
        cluster = self.model
        cluster.gate, cluster.asked = cluster.gate or (Entry((), None),) * 2, None
        for each in cluster.replicas:
            each.up, each.cut = True, False
        for _ in range(40):
            self.wait(90_000)
            self.several_passes(0, 2)
            kept = cluster.kept()
            if kept is not None and kept.step is Step.STEADY and len(kept.trusted) == 1 and self.all_accept(kept):
                break
        kept = cluster.kept()
        assert kept is not None
        assert kept.step is Step.STEADY
        assert kept.trusted == (kept.authority.certificate,)
        assert cluster.gate == (Entry(kept.trusted, kept.path),) * 2
        assert self.all_accept(kept)

    def all_accept(self, kept: Keyring) -> bool:
        return all(each.shown is not None and each.accepted == (kept.path,) for each in self.model.replicas)


RUNS = settings(max_examples=60, stateful_step_count=40)


def test_no_rotation_leaves_a_caller_alone() -> None:
    run_state_machine_as_test(Rotating, settings=RUNS)


# -- that it would be seen ---------------------------------------------------------------------------------------------


def at_once(held: Keyring, _seen: Seen, _policy: Policy) -> Action:
    """Exchange: the old authority is dropped as soon as the new one signs."""
    return Write(replace(held, path=held.paths[0], paths=held.paths[:1], trusted=held.trusted[:1]), "at once")


def without_looking(held: Keyring, seen: Seen) -> None:
    """Go on without asking the replicas."""
    return


def whatever_the_gate_holds(held: Keyring, gate: object) -> bool:
    """Serve a new certificate as soon as it is there."""
    return True


def as_remembered(made: Keyring, seen: Seen) -> Keyring:
    """Restore a lost keyring as it was remembered."""
    return made


def whatever_the_gate_is(held: Keyring, seen: Seen, policy: Policy) -> Action:
    """Publish, and let it sign before anybody trusts it: the gate follows at the end alone."""
    return Rest("never")


FAULTS: dict[str, tuple[object, str, object]] = {
    "exchanged at once": (rotation, "_AFTER", {**rotation._AFTER, Step.SIGN: at_once}),
    "replicas are not asked": (rotation, "_waits_for_replicas", without_looking),
    "served before it is trusted": (model, "may_serve", whatever_the_gate_holds),
    "restored as remembered": (rotation, "_keeping_what_is_live", as_remembered),
    "a rotation that ends nowhere": (rotation, "_AFTER", {**rotation._AFTER, Step.PUBLISH: whatever_the_gate_is}),
}


def passes(cluster: Model, number: int, count: int, seconds: float = 1) -> None:
    """One replica holds the Lease for some passes, and others read."""
    for _ in range(count):
        cluster.look(cluster.replicas[number])
        cluster.act(cluster.replicas[number])
        cluster.check()
        for each in cluster.replicas:
            cluster.reload(each)
            cluster.check()
        cluster.now += timedelta(seconds=seconds)
        cluster.clock += seconds


def lose_the_secret(cluster: Model) -> None:
    cluster.data, cluster.secret_revision = None, cluster.secret_revision + 1


def story() -> None:
    """What a wrong rotation does not survive: a replica that is late, a Secret that is lost to some, and to all."""
    cluster = Model([Replica("one"), Replica("two")])
    one, two = cluster.replicas
    passes(cluster, 0, 3)
    cluster.gate, cluster.gate_revision = (Entry((), None),) * 2, cluster.gate_revision + 1
    passes(cluster, 0, 3)
    cluster.asked, two.cut = Asked(authority=True, waits=Waits(10 * SECOND, 20 * SECOND)), True
    passes(cluster, 0, 60)
    shown = {each.shown.serving.certificate for each in (one, two) if each.shown is not None}
    assert len(shown) == 2, "one goes on as far as it may, and two still shows the old certificate"
    lose_the_secret(cluster)
    one.cut, two.cut = True, False  # now the one that remembers an earlier keyring writes it
    passes(cluster, 1, 3)
    one.cut = False
    passes(cluster, 1, 5)
    passes(cluster, 1, 60, seconds=3600)
    lose_the_secret(cluster)
    cluster.replicas[:] = [Replica("one"), replace(two, remembered=None, same=(), action=None)]
    passes(cluster, 0, 5)
    passes(cluster, 0, 60, seconds=3600)
    kept = cluster.kept()
    assert kept is not None
    assert (kept.step, len(kept.trusted), len(kept.paths)) == (Step.STEADY, 1, 1)


def test_the_story_ends_well() -> None:
    story()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_rotation_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong = FAULTS[fault]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises((AssertionError, ValueError)):
        story()


def test_an_action_of_an_earlier_look_is_refused_by_the_revision() -> None:
    cluster = Model([Replica("one"), Replica("two")])
    cluster.look(cluster.replicas[0])
    cluster.look(cluster.replicas[1])
    assert cluster.act(cluster.replicas[1])
    first = cluster.kept()
    assert not cluster.act(cluster.replicas[0]), "that is 409"
    assert cluster.kept() == first or first is not None
    cluster.gate = (Entry((), None),)
    cluster.look(cluster.replicas[0])
    assert isinstance(cluster.replicas[0].action, Point)
