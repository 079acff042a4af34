"""Where answers come from: Headroom unless the user asks for the API server."""

import subprocess
import sys
from pathlib import Path

import pytest

from webhook.cli.cluster import CannotTell, Target
from webhook.cli.direct import Direct
from webhook.cli.remote import Remote
from webhook.cli.source import source

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


def target(tmp_path: Path, *, direct: bool) -> Target:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    return Target(str(tmp_path / "kubeconfig"), None, "headroom-system", None, direct=direct)


def test_headroom_is_asked_through_the_service_proxy(tmp_path: Path) -> None:
    found = source(target(tmp_path, direct=False))
    assert isinstance(found, Remote)
    with pytest.raises(CannotTell, match="the API server does not answer"):
        found.commitment()


def test_or_the_api_server(tmp_path: Path) -> None:
    assert isinstance(source(target(tmp_path, direct=True)), Direct)


def test_asking_headroom_does_not_import_the_webhook() -> None:
    code = "import sys, webhook.cli.report; sys.exit('webhook.admission' in sys.modules or 'flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
