"""A whole replica as a process, against an API server that is a fake: from its start to its end."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from certs.authority import make_authority
from certs.bundle import write_certificates
from devcluster.ports import free_port
from tests.e2e.exposition import Exposition
from tests.support.booking_replicas import state_of, until
from tests.support.certificates import AUTHORITY, FIRST, NOW, SECOND, Mounted
from tests.support.configs import SMALLEST
from tests.support.fake_cluster import FakeCluster
from tests.support.replica import review
from webhook import manager as server
from webhook.admission.fetch import FetchError, MissingError
from webhook.controllers.refusal_store import NAME as REFUSALS
from webhook.core.reporting.publication import read
from webhook.kube.client import Api
from webhook.kube.client import ApiResponse as ApiAnswer
from webhook.kube.stream import KubeError, NotFound, Unanswered

WHOLE = SMALLEST.replace("75%", "100%")
START = 60.0
SELF = "--certificates=self"


class Replica:
    """The command as it is installed, and what it says."""

    def __init__(self, cluster: FakeCluster, folder: Path, *more: str) -> None:
        self.files = Mounted(folder / "tls.crt", folder / "tls.key")
        self.files.write(FIRST)
        self.audit, self._said, self._told = folder / "audit.jsonl", folder / "stdout", folder / "stderr"
        self.port, self._plain = free_port(), free_port()
        given: list[str | Path] = ["--tls-cert-file", self.files.certificate, "--tls-key-file", self.files.key]
        command: list[str | Path] = [
            *(Path(sys.executable).with_name("headroom"), "serve", "--kubeconfig", cluster.kubeconfig(folder)),
            *("--listen", f"127.0.0.1:{self.port}", "--metrics-listen", f"127.0.0.1:{self._plain}"),
            *([] if SELF in more else given),
            *("--audit-file", self.audit, "--shutdown-delay", "0"),
            *more,
        ]
        with self._said.open("wb") as out, self._told.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=out, stderr=log, env=os.environ | {"TMPDIR": str(folder)})

    def ready(self) -> str:
        """What /readyz says; empty while nobody listens."""
        assert self.process.poll() is None, self.log()
        try:
            return self.page("/readyz")
        except OSError:
            return ""

    def page(self, path: str) -> str:
        """Read a page of the plain listener."""
        connection = HTTPConnection("127.0.0.1", self._plain, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode().strip()
        finally:
            connection.close()

    def shown(self) -> Exposition:
        """Scrape it."""
        return Exposition(self.page("/metrics"))

    def ask(self, name: str, memory: str, namespace: str = "default") -> bool:
        """Have a pod judged, again while it says to ask again."""
        status, body = self._review(name, memory, namespace)
        while status == 503:
            time.sleep(0.2)
            status, body = self._review(name, memory, namespace)
        assert status == 200, body
        allowed: bool = json.loads(body)["response"]["allowed"]
        return allowed

    def _review(self, name: str, memory: str, namespace: str) -> tuple[int, bytes]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        try:
            body = review(name, memory).replace(b'"pod-', b'"uid-')  # as the fake names them
            body = body.replace(b'"default"', f'"{namespace}"'.encode())
            connection.request("POST", "/validate?timeout=10s", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def log(self) -> str:
        """The operational log."""
        return self._told.read_text()

    def lines(self) -> list[bytes]:
        """The audit log on standard output."""
        return self._said.read_bytes().splitlines()

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal; return the seconds that it took to end well."""
        began = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(60) == 0, self.log()
        return time.monotonic() - began


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster() as cluster:
        cluster.add_node("node", "8Gi")
        cluster.configure(WHOLE)
        yield cluster


@contextmanager
def running(cluster: FakeCluster, folder: Path, *more: str) -> Iterator[Replica]:
    replica = Replica(cluster, folder, *more)
    try:
        yield replica
    finally:
        if replica.process.poll() is None:
            replica.process.kill()
        replica.process.wait(30)
    assert "Traceback" not in replica.log()


@pytest.fixture
def start(cluster: FakeCluster, tmp_path: Path) -> Iterator[Callable[[], Replica]]:
    """Start it and wait until it is ready."""
    with running(cluster, tmp_path) as replica:

        def started() -> Replica:
            until(lambda: replica.ready() == "ok", START)
            return replica

        yield started


def test_it_becomes_ready_judges_and_leaves(cluster: FakeCluster, start: Callable[[], Replica]) -> None:
    replica = start()
    assert replica.ask("a", "3Gi")
    assert not replica.ask("b", "6Gi")
    cluster.add_pod("a", "3Gi")
    until(lambda: replica.shown().value("headroom_pods") == 1)
    name = next(iter(state_of(cluster).holdings))
    until(lambda: REFUSALS in cluster.objects)
    shown = read(cluster.data(REFUSALS)[name])
    assert [row.name for row in shown.denials] == [each.owner.name for each in shown.blocked] == ["b"]
    replica.process.send_signal(signal.SIGTERM)
    assert replica.process.wait(60) == 0
    assert state_of(cluster).holdings == {}
    assert f"replica {name} starts" in replica.log()
    assert "everything is handed back" in replica.log()
    assert f"replica {name} ends" in replica.log()
    assert replica.audit.read_bytes().splitlines() == replica.lines()
    assert [json.loads(line)["reason"] for line in replica.lines()] == ["MemoryCommitmentExceeded"]


def test_what_one_replica_refuses_the_other_shows(
    cluster: FakeCluster, start: Callable[[], Replica], tmp_path: Path
) -> None:
    one, folder = start(), tmp_path / "other"
    folder.mkdir()
    with running(cluster, folder) as other:
        until(lambda: other.ready() == "ok", START)
        assert not one.ask("b", "9Gi")

        def shown(replica: Replica, what: str) -> list[str]:
            return [each["name"] for each in json.loads(replica.page(f"/api/v1/{what}"))["items"]]

        for what in ("denials", "blocked"):
            until(lambda what=what: shown(other, what) == shown(one, what) == ["b"])  # type: ignore[misc]


def test_it_says_what_it_waits_for(tmp_path: Path) -> None:
    with FakeCluster() as cluster, running(cluster, tmp_path) as replica:
        until(lambda: replica.ready().startswith("the ConfigMap headroom-config does not exist: create it"), START)
        cluster.configure(WHOLE)
        until(lambda: replica.ready() == "ok")


LEASE = "/apis/coordination.k8s.io/v1/namespaces/headroom-system/leases/headroom"


def gate(authorities: bytes) -> dict[str, object]:
    client = {"url": "https://127.0.0.1:1/validate", "caBundle": b64encode(authorities).decode()}
    return {"webhooks": [{"name": "pods.headroom.internal", "clientConfig": client}]}


@pytest.mark.long
def test_it_is_ready_only_with_a_certificate_that_the_gate_trusts(cluster: FakeCluster, tmp_path: Path) -> None:
    foreign = write_certificates([make_authority("another", NOW).certificate])
    cluster.gate = gate(foreign)
    with running(cluster, tmp_path) as replica:
        refused = "the API server would refuse the certificate that is served here, for 127.0.0.1: "
        until(lambda: replica.ready().startswith(refused), START)
        cluster.gate = gate(foreign + write_certificates([AUTHORITY.certificate]))
        until(lambda: replica.ready() == "ok")


@pytest.mark.long
def test_one_replica_holds_the_lease_tells_that_the_gate_is_not_reached_and_hands_the_lease_over(
    cluster: FakeCluster, start: Callable[[], Replica]
) -> None:
    cluster.gate = gate(write_certificates([AUTHORITY.certificate]))
    cluster.probed = 500, 'failed calling webhook "pods.headroom.internal": no route to host'
    replica = start()
    until(lambda: replica.shown().value("headroom_lease_held") == 1)
    until(lambda: bool(cluster.shelf.events()), START)
    (event,) = cluster.shelf.events()
    assert event["reason"] == "GateUnreachable"
    assert replica.shown().value("headroom_gate_reachable") == 0
    assert replica.ready() == "ok", "it is no matter of readiness"
    replica.end()
    assert cluster.leases.objects[LEASE]["spec"]["holderIdentity"] == ""


@pytest.mark.long
def test_an_edit_applies_without_a_restart(cluster: FakeCluster, start: Callable[[], Replica]) -> None:
    replica = start()
    assert not replica.ask("a", "9Gi")
    cluster.configure(WHOLE.replace("100%", "200%"))
    until(lambda: replica.shown().value("headroom_scope_memory_requests_bound_bytes") == 16 << 30)
    assert replica.ask("a", "9Gi")
    cluster.configure("mode: enforced")
    until(lambda: replica.shown().value("headroom_config_last_reload_success") == 0)
    assert replica.ask("b", "7Gi", "other")  # where no pod is on its way


@pytest.mark.long
def test_what_a_quota_will_refuse_is_refused_while_quotas_are_seen(
    cluster: FakeCluster, start: Callable[[], Replica]
) -> None:
    replica = start()
    until(lambda: replica.shown().value("headroom_quotas_synced") == 1)
    cluster.add_quota("q", {"requests.memory": "1Gi"}, {"requests.memory": "0"})
    until(lambda: replica.shown().value("headroom_quotas") == 1)
    assert not replica.ask("a", "2Gi")
    assert replica.ask("b", "1Gi")
    until(lambda: b"QuotaExceeded" in b"".join(replica.lines()))


@pytest.mark.long
def test_reports_are_of_the_account_that_reviews_are_judged_by(
    cluster: FakeCluster, start: Callable[[], Replica]
) -> None:
    replica = start()
    cluster.add_pod("a", "3Gi")
    until(lambda: [each["name"] for each in json.loads(replica.page("/api/v1/pods"))["items"]] == ["a"])
    (cluster_row,) = json.loads(replica.page("/api/v1/commitment"))["scopes"]
    assert cluster_row["memory"]["requests"]["committed"] == 3 << 30
    assert cluster_row["memory"]["requests"]["bound"] == 8 << 30
    assert json.loads(replica.page("/"))["Nodes"][0]["NodeName"] == "node"
    assert json.loads(replica.page("/api/v1/config"))["problem"] is None
    assert "metrics.k8s.io is not served" in json.loads(replica.page("/pod-metrics"))["detail"]
    assert not replica.ask("b", "6Gi"), "it is the same account"


@pytest.mark.long
def test_without_a_right_to_see_quotas_all_else_goes_on(cluster: FakeCluster, start: Callable[[], Replica]) -> None:
    cluster.add_quota("q", {"requests.memory": "1Gi"}, {"requests.memory": "0"})
    cluster.hidden.add("resourcequotas")
    replica = start()
    assert replica.ask("a", "2Gi")
    assert replica.shown().value("headroom_quotas_synced") == 0
    until(lambda: "/api/v1/resourcequotas" in replica.log())


@pytest.mark.long
def test_a_bad_edit_is_told_on_the_configmap(cluster: FakeCluster, start: Callable[[], Replica]) -> None:
    replica = start()
    cluster.configure("mode: enforced")
    until(lambda: bool(cluster.shelf.events()))
    (event,) = cluster.shelf.events()
    assert event["reason"] == "ConfigurationRefused"
    assert event["involvedObject"]["uid"] == "uid-headroom-config"
    assert f"replica {event['reportingInstance']} starts" in replica.log()
    until(lambda: replica.shown().value("headroom_events_written_total") == 1)


@pytest.mark.long
def test_its_certificate_is_exchanged_while_it_serves(start: Callable[[], Replica]) -> None:
    replica = start()
    replica.files.write(SECOND)
    shown = SECOND.certificate.not_valid_after_utc.timestamp()
    until(lambda: "serving the certificate" in replica.log())
    assert replica.shown().value("headroom_certificate_expiry_timestamp_seconds") == shown


@pytest.mark.long
def test_it_ends_quickly_while_the_api_server_is_away(cluster: FakeCluster, start: Callable[[], Replica]) -> None:
    replica = start()
    cluster.down()
    assert replica.end() < 20, "a pod is given 30 s"
    assert "could not be handed back" in replica.log()


@pytest.mark.parametrize("away", ["refuses", pytest.param("is silent", marks=pytest.mark.long)])
def test_while_it_waits_for_its_certificate_it_ends_at_once(cluster: FakeCluster, tmp_path: Path, away: str) -> None:
    """As process 1 of a container, it would not even get a signal that it has no handler for."""
    if away == "refuses":
        cluster.down()
    else:
        cluster.hang("list", 1000)
    with running(cluster, tmp_path, SELF) as replica:
        waits = "the Lease cannot be read or written"
        until(lambda: waits in replica.log() if away == "refuses" else bool(cluster.calls), START)
        assert replica.process.poll() is None, replica.log()
        assert handles(replica.process.pid, signal.SIGTERM)
        assert replica.end() < 20, "a pod is given 30 s"
    assert not list(tmp_path.glob("headroom-certificate-*"))


def handles(process: int, number: signal.Signals) -> bool:
    """Say whether a process has a handler for a signal: the kernel shows them as bits."""
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.long
def test_an_interrupt_ends_it_and_hands_back_all_the_same(cluster: FakeCluster, start: Callable[[], Replica]) -> None:
    replica = start()
    assert replica.end(signal.SIGINT) < 20, "a pod is given 30 s"
    assert state_of(cluster).holdings == {}


@pytest.mark.long
def test_it_may_be_restarted_at_once(cluster: FakeCluster, tmp_path: Path) -> None:
    for index in range(2):
        folder = tmp_path / str(index)
        folder.mkdir()
        with running(cluster, folder) as replica:
            until(lambda: replica.ready() == "ok", START)
            assert replica.ask(f"w{index}", "4Gi")
            cluster.add_pod(f"w{index}", "4Gi")
            replica.end()
    assert state_of(cluster).holdings == {}


@pytest.mark.long
def test_an_address_that_is_taken_is_one_line_and_1(cluster: FakeCluster, tmp_path: Path) -> None:
    with FakeCluster() as taken:
        port = taken.url.rpartition(":")[2]
        replica = Replica(cluster, tmp_path, "--listen", f"127.0.0.1:{port}")
        assert replica.process.wait(START) == 1
    assert replica.log().splitlines()[-1].startswith("Error: [Errno 98] Address already in use")
    assert "Traceback" not in replica.log()


def test_the_clock_runs_on_while_the_machine_sleeps() -> None:
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(server.clock() - uptime) < 60, "seconds since the machine was booted, and of no other moment"


class Silent(Api):
    """An API server of which nothing comes."""

    def __init__(self, fault: KubeError) -> None:
        self.fault = fault
        self.timeout = 0.0

    def get(
        self, _path: str, _query: Mapping[str, str] | None = None, timeout: float = 10.0, _accept: str = ""
    ) -> ApiAnswer:
        """Fail, and remember how long it would have waited."""
        self.timeout = timeout
        raise self.fault


@pytest.mark.parametrize(
    ("fault", "told"), [(Unanswered("nothing came"), FetchError), (NotFound(404, "NotFound", "gone"), MissingError)]
)
def test_what_an_early_answer_reads_must_come_within_the_two_seconds_that_its_webhook_has(
    fault: KubeError, told: type[FetchError]
) -> None:
    api = Silent(fault)
    with pytest.raises(told):
        server._fetch(api, "/apis/apps/v1/namespaces/default/deployments/web")
    assert 0 < api.timeout <= 0.5
