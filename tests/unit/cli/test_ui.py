"""`headroom ui`: the page of a cluster in which nothing is installed, on loopback, until Ctrl-C."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner

from tests.support.booking_replicas import until
from tests.support.fake_cluster import FakeCluster
from webhook.cli.main import main

SECONDS = 30
PROGRAM = "from webhook.cli.main import main; main()"


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster() as made:
        made.add_node("n1", "8Gi")
        made.add_pod("a", "2Gi")
        yield made


def get(url: str, **fields: str) -> str:
    with urlopen(Request(url, headers=fields), timeout=SECONDS) as answer:  # noqa: S310 - on loopback
        text: str = answer.read().decode()
        return text


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM])
def test_the_page_is_served_read_again_and_ended(cluster: FakeCluster, tmp_path: Path, ends: signal.Signals) -> None:
    kubeconfig = cluster.kubeconfig(tmp_path)
    command = [sys.executable, "-c", PROGRAM, "ui", "--refresh", "1", "--kubeconfig", str(kubeconfig)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        try:
            address = program.stdout.readline().split()[4]
            assert address.startswith("http://127.0.0.1:")
            page = get(address)
            assert "Room for 4Gi of requests" in page  # of 75 %, the default, without the 2Gi of the pod
            assert "it is not asked here" in page
            with pytest.raises(HTTPError, match="403"):
                get(address, Host="evil.example")
            cluster.add_pod("b", "1Gi")
            until(lambda: "Room for 3Gi of requests" in get(address), SECONDS)
        finally:
            program.send_signal(ends)
            said = program.stderr.read()
        assert program.wait(SECONDS) == 0
        assert said.startswith("Refusals are not shown: Headroom is not in namespace headroom-system")
        assert "Traceback" not in said


def test_a_port_that_is_taken_is_said(tmp_path: Path, cluster: FakeCluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(main, ["ui", "--port", port, "--kubeconfig", str(cluster.kubeconfig(tmp_path))])
    assert result.exit_code == 2
    assert f"port {port} cannot be used" in result.stderr
    assert "name another one with --port" in result.stderr


def test_a_cluster_that_does_not_answer_is_3(tmp_path: Path, cluster: FakeCluster) -> None:
    kubeconfig = cluster.kubeconfig(tmp_path)
    cluster.down()
    result = CliRunner().invoke(main, ["ui", "--direct", "--kubeconfig", str(kubeconfig)])
    cluster.up()
    assert result.exit_code == 3
    assert "the API server does not answer" in result.stderr
