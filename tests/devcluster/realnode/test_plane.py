"""The control plane knows the kubelets of its nodes, and they know it."""

import csv
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.bundle import read_certificates
from devcluster import keys
from devcluster.binaries import NEWEST
from devcluster.realnode import addresses, configs
from devcluster.realnode.plane import PROXY, RealPlane, kubelet
from devcluster.realnode.programs import MODULES, TOOL


@pytest.fixture
def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RealPlane:
    """One that is not started."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "internal.example.com")
    return RealPlane(tmp_path, ["real-1", "real-2"])


def test_each_kubelet_has_a_token_of_its_own_and_the_group_of_nodes(plane: RealPlane) -> None:
    made = plane._make_keys()
    rows = {row[1]: row for row in csv.reader(made.token_file.read_text().splitlines())}
    assert rows["admin"] == [made.admin_token, "admin", "admin", "system:masters"]
    for node in ("real-1", "real-2"):
        name = kubelet(node)
        assert rows[name] == [made.tokens[name], name, name, "system:nodes"]
    assert rows[PROXY][3] == ""
    assert len({row[0] for row in rows.values()}) == len(rows) == 4


def test_pods_and_nodes_can_trust_the_api_server(plane: RealPlane) -> None:
    (certificate,) = read_certificates(plane._make_keys().cert_file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {addresses.MACHINE, addresses.API_SERVICE} <= set(names.get_values_for_type(x509.IPAddress))
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)


def test_kubelets_know_the_api_server_by_a_certificate(plane: RealPlane, tmp_path: Path) -> None:
    made = plane._make_keys()
    (authority,) = read_certificates(made.ca_file.read_bytes())
    (certificate,) = read_certificates((tmp_path / "apiserver-kubelet-client.crt").read_bytes())
    certificate.verify_directly_issued_by(authority)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    (group,) = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert group.value == "system:masters"
    assert (tmp_path / "apiserver-kubelet-client.key").stat().st_mode & 0o077 == 0


def test_other_control_planes_have_one_user_and_serve_loopback_alone(tmp_path: Path) -> None:
    made = keys.make(tmp_path)
    assert made.tokens == {}
    assert made.token_file.read_text() == f'{made.admin_token},admin,admin,"system:masters"\n'
    (certificate,) = read_certificates(made.cert_file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_no_proxy_is_asked_for_the_way_to_the_nodes(plane: RealPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    RealPlane(plane.work, ["real-1"])
    for name in ("NO_PROXY", "no_proxy"):
        assert os.environ[name] == "internal.example.com,10.246.0.1,10.246.0.0/24,10.245.0.0/16,10.247.0.0/16"


def test_kubelet_and_kube_proxy_are_of_the_control_planes_version() -> None:
    text = (MODULES / "go.mod").read_text()
    assert f"k8s.io/kubernetes {NEWEST.version} " in text
    assert all(f"\t{package}\n" in text for package in TOOL.packages)
    assert any(NEWEST.version in flag for flag in TOOL.flags)


def test_the_kubelet_lets_in_whom_the_api_server_knows(tmp_path: Path) -> None:
    settings = configs.kubelet(tmp_path, tmp_path / "ca.crt", "headroom-real/real-1", 2**30)
    assert settings["authentication"]["anonymous"] == {"enabled": False}
    assert settings["authorization"] == {"mode": "Webhook"}
    assert settings["cgroupRoot"] == "/headroom-real/real-1"
    assert settings["systemReserved"] == {"memory": str(2**30)}
