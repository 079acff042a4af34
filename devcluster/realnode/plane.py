"""The control plane beside real nodes: they and their pods reach its API server, and it reaches their kubelets."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.authority import CLOCK_SKEW, new_key
from certs.bundle import Pair, write_certificates, write_key
from certs.directory import Directory
from devcluster import keys
from devcluster.controlplane import ControlPlane
from devcluster.realnode import addresses

CLIENT_LIFE: Final = timedelta(days=1)
PROXY: Final = "system:kube-proxy"
NETWORKS: Final = (addresses.MACHINE, addresses.NODES, addresses.PODS, addresses.SERVICES)


def kubelet(node: str) -> str:
    """The user that the kubelet of a node is."""
    return f"system:node:{node}"


class RealPlane(ControlPlane):
    """A control plane whose API server listens on the nodes' bridge, which must be there before `start`."""

    def __init__(self, work: Path, nodes: Sequence[str]) -> None:
        self._nodes = tuple(nodes)
        self._client = work / "apiserver-kubelet-client.crt", work / "apiserver-kubelet-client.key"
        crt, key = self._client
        super().__init__(
            work,
            apiserver_flags=(
                f"--bind-address={addresses.MACHINE}",
                f"--advertise-address={addresses.MACHINE}",
                "--endpoint-reconciler-type=lease",
                f"--service-cluster-ip-range={addresses.SERVICES}",
                f"--kubelet-client-certificate={crt}",
                f"--kubelet-client-key={key}",
                "--kubelet-preferred-address-types=InternalIP",
            ),
        )
        _reach_directly()

    @property
    def url(self) -> str:
        """The API server's address, for this machine and for the nodes."""
        return f"https://{addresses.MACHINE}:{self._ports.apiserver}"

    def _make_keys(self) -> keys.Keys:
        users = [keys.User(PROXY), *(keys.User(kubelet(name), ("system:nodes",)) for name in self._nodes)]
        made = keys.make(self.work, addresses=[str(addresses.MACHINE), str(addresses.API_SERVICE)], users=users)
        authority = Directory(self.work).authority
        assert authority is not None
        pair = client(authority, "kube-apiserver-kubelet-client", "system:masters", datetime.now(UTC))
        crt, key = self._client
        crt.write_bytes(write_certificates([pair.certificate]))
        key.touch(mode=0o600)
        key.write_bytes(write_key(pair.key))
        return made


def client(authority: Pair, name: str, group: str, now: datetime) -> Pair:
    """Issue a certificate by which a server knows its client as that user in that group."""
    key = new_key()
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + CLIENT_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(authority.key, SHA256())
    )
    return Pair(certificate, key)


def _reach_directly() -> None:
    """Let no client go to the nodes' networks by a proxy: this process, and what it starts."""
    for name in ("NO_PROXY", "no_proxy"):
        already = [each for each in os.environ.get(name, "").split(",") if each]
        os.environ[name] = ",".join(dict.fromkeys([*already, *map(str, NETWORKS)]))
