"""The loop of the rotation, against a Secret, a gate and replicas that are fakes: what it reads, serves and writes."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest

from certs import names
from certs.bundle import Pair, write_certificates
from certs.keyring import Keyring, Step, new_token
from certs.rotation import Policy, fingerprint
from tests.support.certificates import AUTHORITY
from tests.support.fake_objects import FakeLease, FakeObjects
from tests.support.gates import gate
from webhook.controllers import gate as gates
from webhook.controllers.certificate_rotation import CertificateRotation, Taker
from webhook.controllers.keyring_store import ANNOTATION, NAME, KeyringStore
from webhook.controllers.replicas import Replicas
from webhook.kube.objects import Object
from webhook.kube.stream import KubeError, Unreachable

POLICY = Policy(names.parse(["headroom.ns.svc"], []))
START = 1_800_000_000.0


class Cluster:
    """A Secret, a gate and replicas; `server_ahead` is by how many seconds its clock is ahead of the machines'."""

    def __init__(self) -> None:
        self.now, self.server_ahead = START, 0.0
        self.writes: list[Object] = []
        self.secrets = FakeObjects(self.server_time, self.writes)
        self.gates = FakeObjects(self.server_time, self.writes)
        self.slices = FakeObjects()
        self.replicas: list[Replica] = []
        endpoints = [{"addresses": [str(number)], "targetRef": {"name": f"pod-{number}"}} for number in range(2)]
        ports = [{"name": "https", "port": 8443}]
        self.slices.put({"metadata": {"name": "headroom-x"}, "endpoints": endpoints, "ports": ports})

    def server_time(self) -> float:
        return self.now + self.server_ahead

    def close_the_gate(self) -> None:
        self.gates.put(gate())

    def kept(self) -> Keyring:
        found = KeyringStore(self.secrets, "ns").read(POLICY.waits).keyring
        assert found is not None
        return found

    def gate(self) -> Object:
        return self.gates.held["headroom"]

    def ask(self, text: str) -> None:
        secret = self.secrets.held[NAME]
        self.secrets.put(secret | {"metadata": secret["metadata"] | {"annotations": {ANNOTATION: text}}})

    def look(self, times: int = 1) -> None:
        """All replicas look, and a second passes, some times."""
        for _ in range(times):
            for each in self.replicas:
                each.rotation.look()
            self.now += 1


class Replica:
    """One replica: its loop, and what it was given to serve and to accept."""

    def __init__(self, cluster: Cluster, *, holds: bool) -> None:
        self.cluster = cluster
        self.pair: Pair | None = None
        self.paths: tuple[str, ...] = ()
        self.lease, self.stop = FakeLease(holds=holds), Event()
        self.rotation = CertificateRotation(
            KeyringStore(cluster.secrets, "ns"),
            cluster.gates,
            self.lease,
            Replicas(cluster.slices, lambda host, _port, _timeout: shown(cluster.replicas[int(host)])),
            POLICY,
            Taker(self.hold, self.accept),
            self.stop,
            lambda: cluster.now,
            lambda: cluster.now,
        )

    def hold(self, pair: Pair) -> bool:
        assert self.paths, "a path is accepted before the certificate that comes with it is shown"
        self.pair = pair
        return True

    def accept(self, paths: tuple[str, ...]) -> None:
        self.paths = paths


def shown(replica: Replica) -> str | None:
    return None if replica.pair is None else fingerprint(replica.pair.certificate)


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster()
    made.replicas = [Replica(made, holds=True), Replica(made, holds=False)]
    return made


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "webhook.controllers.certificate_rotation"):
        yield caplog


def test_the_first_start_makes_a_secret_and_every_replica_serves_from_it(cluster: Cluster) -> None:
    cluster.look(2)
    kept = cluster.kept()
    assert kept.step is Step.STEADY
    assert [shown(each) for each in cluster.replicas] == [fingerprint(kept.serving.certificate)] * 2
    assert [each.paths for each in cluster.replicas] == [(kept.path,)] * 2
    assert len(cluster.writes) == 1


def test_a_gate_gets_bundle_and_path_in_every_entry_and_is_then_left_alone(cluster: Cluster) -> None:
    cluster.look(2)
    cluster.close_the_gate()
    cluster.look(5)
    kept = cluster.kept()
    entries = gates.entries(cluster.gate())
    assert [(each.trusted, each.token) for each in entries] == [(kept.trusted, kept.path)] * 3
    assert len(cluster.writes) == 3, "the Secret, the gate as applied, and the gate as written"


def test_with_a_gate_that_trusts_nobody_yet_nothing_is_served_before_it_is_written(cluster: Cluster) -> None:
    cluster.close_the_gate()
    cluster.look()
    cluster.replicas[1].rotation.look()
    assert cluster.replicas[1].pair is None
    cluster.look(2)
    assert shown(cluster.replicas[1]) == fingerprint(cluster.kept().serving.certificate)


def test_who_does_not_hold_the_lease_writes_nothing(cluster: Cluster) -> None:
    cluster.replicas[0].lease.holds = False
    cluster.close_the_gate()
    cluster.writes.clear()
    cluster.look(3)
    assert cluster.writes == []
    assert not cluster.replicas[0].rotation.serves


def test_a_request_turns_authority_certificate_and_path_over_step_by_step(cluster: Cluster) -> None:
    cluster.look(2)
    cluster.close_the_gate()
    cluster.look(3)
    before = cluster.kept()
    cluster.ask("authority publish=5 retire=5")
    steps: list[Step] = []
    for _ in range(40):
        cluster.look()
        kept = cluster.kept()
        steps += [kept.step] * (kept.step not in steps[-1:])
        for each in cluster.replicas:
            assert each.pair is not None
            assert any(each.pair.certificate.issuer == ca.subject for ca in gates.entries(cluster.gate())[0].trusted)
            assert gates.entries(cluster.gate())[0].token in each.paths
    assert steps == [Step.PUBLISH, Step.SIGN, Step.RETIRE, Step.STEADY]
    after = cluster.kept()
    assert before.authority.certificate not in after.trusted
    assert (after.serving.certificate, after.path) != (before.serving.certificate, before.path)
    assert ANNOTATION not in cluster.secrets.held[NAME]["metadata"]["annotations"]
    assert after.waits == POLICY.waits, "those of the request were for it alone"


def test_nothing_is_retired_while_a_replica_shows_the_old_certificate(
    cluster: Cluster, logged: pytest.LogCaptureFixture
) -> None:
    cluster.look(2)
    old = cluster.replicas[1].pair
    cluster.ask("certificate publish=0 retire=0")
    for _ in range(10):
        cluster.replicas[0].rotation.look()
        cluster.replicas[1].pair = old
        cluster.now += 1
    assert cluster.kept().step is Step.SIGN
    assert "the certificate: replica pod-1 serves another certificate" in logged.messages
    cluster.look(10)
    assert cluster.kept().step is Step.STEADY


def test_another_replica_goes_on_where_the_holder_ended(cluster: Cluster) -> None:
    cluster.look(2)
    cluster.ask("authority publish=3 retire=3")
    holder, other = cluster.replicas
    for _ in range(30):
        cluster.look()
        holder.lease.holds, other.lease.holds = other.lease.holds, holder.lease.holds
    # Each counts its own waits from when it holds the Lease on, so a rotation takes longer and is never shortened.
    holder.lease.holds, other.lease.holds = False, True
    cluster.look(20)
    assert cluster.kept().step is Step.STEADY


@pytest.mark.parametrize("damage", ["deleted", "damaged"])
def test_a_lost_secret_is_restored_with_all_that_is_in_use(
    cluster: Cluster, damage: str, logged: pytest.LogCaptureFixture
) -> None:
    cluster.look(2)
    cluster.close_the_gate()
    cluster.look(3)
    kept = cluster.kept()
    if damage == "deleted":
        cluster.secrets.held.clear()
    else:
        cluster.secrets.held[NAME]["data"]["tls.key"] = "QQ=="
    cluster.look(3)
    assert cluster.kept().serving.certificate == kept.serving.certificate
    assert cluster.kept().path == kept.path
    assert any(message.endswith("; it is restored") for message in logged.messages)


def test_an_edited_bundle_is_written_again(cluster: Cluster) -> None:
    cluster.look(2)
    cluster.close_the_gate()
    cluster.look(3)
    cluster.gates.put(gates.pointed(cluster.gate(), (AUTHORITY.certificate,), new_token()))
    cluster.look(2)
    assert gates.entries(cluster.gate())[0].trusted == cluster.kept().trusted


def test_who_was_second_looks_again(cluster: Cluster, logged: pytest.LogCaptureFixture) -> None:
    cluster.look(2)
    cluster.close_the_gate()
    cluster.gates.before_write = lambda: cluster.gates.put(cluster.gate())
    cluster.look(2)
    assert gates.entries(cluster.gate())[0].trusted == cluster.kept().trusted
    assert not [each for each in logged.records if each.levelno >= logging.WARNING]


def test_while_the_api_server_is_away_the_last_certificate_stays_and_it_is_said_once(
    cluster: Cluster, logged: pytest.LogCaptureFixture
) -> None:
    cluster.look(2)
    before = [shown(each) for each in cluster.replicas]
    succeeded = cluster.replicas[0].rotation.state().succeeded_at
    cluster.gates.fault = Unreachable("nobody is there")
    cluster.look(30)
    assert [shown(each) for each in cluster.replicas] == before
    assert sum("cannot be looked after; trying again: nobody is there" in each for each in logged.messages) == 2
    assert cluster.replicas[0].rotation.state().succeeded_at == succeeded
    assert not cluster.replicas[0].lease.lost
    cluster.gates.fault = None
    cluster.look()
    assert cluster.replicas[0].rotation.state().succeeded_at > succeeded


def test_a_loop_that_only_fails_leaves_the_lease_to_another_replica(
    cluster: Cluster, logged: pytest.LogCaptureFixture
) -> None:
    cluster.look(2)
    cluster.gates.fault = RuntimeError("unforeseen")
    cluster.look(19)
    assert cluster.replicas[0].lease.held()
    cluster.look()
    assert not cluster.replicas[0].lease.held()
    assert "the certificate could not be looked after" in logged.messages


def test_a_loop_that_died_loses_the_lease(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended(BaseException):
        pass

    def end() -> None:
        raise Ended

    replica = cluster.replicas[0]
    monkeypatch.setattr(replica.rotation, "look", end)
    monkeypatch.setattr("webhook.controllers.certificate_rotation.SOON", 0.0)
    with pytest.raises(Ended):
        replica.rotation.run()
    assert replica.lease.lost


def test_a_loop_that_was_stopped_ends_and_leaves_the_lease_to_its_own_thread(cluster: Cluster) -> None:
    replica = cluster.replicas[0]
    replica.stop.set()
    replica.rotation.run()
    assert not replica.lease.lost


def test_the_beginning_waits_for_a_certificate(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    replica, tries = cluster.replicas[0], iter([KubeError("away"), None, None])

    def pause(_seconds: float) -> bool:
        replica.lease.fault = cluster.secrets.fault = next(tries)
        return False

    monkeypatch.setattr(replica.stop, "wait", pause)
    cluster.secrets.fault = KubeError("away")
    replica.rotation.begin()
    assert replica.rotation.serves
    assert replica.lease.renewed >= 3


def test_a_beginning_that_is_stopped_ends(cluster: Cluster) -> None:
    cluster.replicas[0].stop.set()
    cluster.replicas[0].rotation.begin()
    assert not cluster.replicas[0].rotation.serves


@pytest.mark.parametrize("ahead", [0.4, -3.0, 400 * 86_400.0])
def test_certificates_are_valid_by_the_api_servers_clock(
    cluster: Cluster, ahead: float, logged: pytest.LogCaptureFixture
) -> None:
    cluster.server_ahead = ahead
    cluster.look(2)  # the first answer says that there is no Secret, and not what time it is
    cluster.ask("certificate publish=0 retire=0")
    cluster.look(5)
    begin = cluster.kept().serving.certificate.not_valid_before_utc.timestamp()
    assert abs(begin + 3600 - cluster.server_time()) < 60
    assert abs(cluster.replicas[0].rotation.time() - cluster.server_time()) <= 1
    said = any("the API server's clock is" in each for each in logged.messages)
    assert said is (abs(ahead) > 600)


@pytest.mark.parametrize("days", [400, -400])
def test_the_first_certificate_is_valid_by_the_api_servers_clock_where_there_is_a_gate(
    cluster: Cluster, days: int
) -> None:
    cluster.server_ahead = days * 86_400.0
    cluster.close_the_gate()
    cluster.replicas[0].rotation.look()
    assert is_valid(cluster, cluster.kept())


def test_a_first_certificate_that_is_not_valid_yet_is_replaced_before_there_is_a_gate(cluster: Cluster) -> None:
    """The first answers say that there is neither a Secret nor a gate, and not what time it is."""
    cluster.server_ahead = -400 * 86_400.0
    cluster.look()
    assert not is_valid(cluster, cluster.kept())
    cluster.look(5)
    kept = cluster.kept()
    assert is_valid(cluster, kept)
    assert {shown(each) for each in cluster.replicas} == {fingerprint(kept.serving.certificate)}


def is_valid(cluster: Cluster, kept: Keyring) -> bool:
    """Whether the API server takes authority and certificate to be valid now."""
    return all(
        each.not_valid_before_utc.timestamp() <= cluster.server_time() < each.not_valid_after_utc.timestamp()
        for each in (kept.authority.certificate, kept.serving.certificate)
    )


def test_terms_of_others_are_reported_once_and_stay(cluster: Cluster, logged: pytest.LogCaptureFixture) -> None:
    cluster.look(2)
    foreign = {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]}
    made = gate()
    made["webhooks"][0]["namespaceSelector"] = foreign
    cluster.gates.put(made)
    cluster.look(5)
    assert cluster.gate()["webhooks"][0]["namespaceSelector"] == foreign
    assert cluster.replicas[0].rotation.state().foreign_terms == 1
    assert sum("labels that are not Headroom's: control-plane" in each for each in logged.messages) == 2, "each replica"


def test_a_bad_request_is_said_and_nothing_begins(cluster: Cluster, logged: pytest.LogCaptureFixture) -> None:
    cluster.look(2)
    cluster.ask("everything")
    cluster.look(3)
    assert cluster.kept().step is Step.STEADY
    assert any("must begin with certificate or authority" in each for each in logged.messages)


def test_no_secret_is_ever_logged(cluster: Cluster, logged: pytest.LogCaptureFixture) -> None:
    cluster.look(2)
    cluster.close_the_gate()
    cluster.look(2)
    cluster.ask("authority publish=1 retire=1")
    tokens = set[str]()
    for _ in range(20):
        cluster.look()
        tokens |= set(cluster.kept().paths)
    assert len(tokens) == 2
    assert not [token for token in tokens if token in logged.text]
    assert "PRIVATE" not in logged.text


def test_the_state_names_the_step_and_the_end_of_the_authority(cluster: Cluster) -> None:
    cluster.look(2)
    state = cluster.replicas[1].rotation.state()
    assert state.step == "steady"
    assert state.authority_expires_at == cluster.kept().authority.certificate.not_valid_after_utc.timestamp()


def test_what_is_due_is_renewed_without_a_request(cluster: Cluster) -> None:
    cluster.look(2)
    before = write_certificates(cluster.kept().trusted)
    cluster.now += timedelta(days=61).total_seconds()
    cluster.look(5)
    assert cluster.kept().step is Step.RETIRE
    assert write_certificates(cluster.kept().trusted) == before, "the authority is good for longer"
    assert {shown(each) for each in cluster.replicas} == {fingerprint(cluster.kept().serving.certificate)}
