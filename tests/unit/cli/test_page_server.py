"""What `headroom ui` serves: the account of the API server, the refusals of Headroom, on loopback only."""

import signal
import socket
from pathlib import Path
from urllib.request import urlopen

import click
import pytest

from tests.support.fake_cluster import FakeCluster
from tests.support.reports import blocked
from tests.support.served import Account, Refused, served
from webhook.cli.cluster import Target
from webhook.cli.page_server import bound, serve, sources

SECONDS = 30


def target(cluster: FakeCluster, folder: Path, server: str | None = None, *, direct: bool = False) -> Target:
    return Target(str(cluster.kubeconfig(folder)), None, "headroom-system", server, direct)


def test_the_account_is_the_api_servers_and_the_refusals_are_headrooms(tmp_path: Path, account: Account) -> None:
    with FakeCluster() as cluster, served(account, Refused(blocked=[blocked("web")])) as url:
        cluster.add_node("n1", "8Gi")
        live, shown = sources(target(cluster, tmp_path, url))
        assert [row.name for row in shown.reports.latest().nodes()] == ["n1"]
        assert shown.refusals is not None
        assert [row.name for row in shown.refusals.blocked()] == ["web"]
        assert shown.account == live.latest
        _, direct = sources(target(cluster, tmp_path, url, direct=True))
        assert direct.refusals is None


def test_without_headroom_refusals_are_not_shown_which_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeCluster() as cluster:
        _, shown = sources(target(cluster, tmp_path))
    assert shown.refusals is None
    assert capsys.readouterr().err.startswith("Refusals are not shown: Headroom is not in namespace headroom-system")


def test_it_serves_until_a_signal_and_leaves_the_signals_as_they_were(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    pages = list[str]()

    def tell(address: str) -> None:
        with urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - on loopback
            pages.append(answer.read().decode())
        signal.raise_signal(signal.SIGINT)

    with FakeCluster() as cluster, bound(0) as sock:
        cluster.add_node("n1", "8Gi")
        assert sock.getsockname()[0] == "127.0.0.1"
        serve(target(cluster, tmp_path, direct=True), sock, 60.0, tell)
    assert "Room for 6Gi of requests" in pages[0]
    assert signal.getsignal(signal.SIGINT) == before


def test_a_port_that_is_taken_is_wrong_usage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(click.UsageError, match="cannot be used"):
        bound(other.getsockname()[1])
