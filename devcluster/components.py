"""The command lines of the components. They differ from production for speed, and everything listens on loopback."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from devcluster.binaries import binary
from devcluster.keys import Keys
from devcluster.ports import free_port

LOOPBACK = "127.0.0.1"
KWOK_STAGES = Path(__file__).parent / "kwok.yaml"

Command = list[str | Path]

# Far above the defaults (20 to 50 a second): controllers that wait for their own rate limit would slow every test.
CLIENT_RATE = ("--kube-api-qps=1000", "--kube-api-burst=2000")


class Ports(NamedTuple):
    """The ports of one control plane; they stay the same when its parts restart."""

    etcd: int
    etcd_peer: int
    apiserver: int

    @classmethod
    def choose(cls) -> "Ports":
        """Choose three free ports."""
        return cls(free_port(), free_port(), free_port())


def etcd(ports: Ports, data: Path) -> Command:
    """One etcd member that does not wait for the disk, and elects itself in a tenth of the usual time."""
    client, peer = f"http://{LOOPBACK}:{ports.etcd}", f"http://{LOOPBACK}:{ports.etcd_peer}"
    return [
        binary("etcd"),
        "--name=local",
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=local={peer}",
        "--unsafe-no-fsync",
        "--heartbeat-interval=10",
        "--election-timeout=100",
        "--quota-backend-bytes=8589934592",
        "--log-level=warn",
    ]


def apiserver(ports: Ports, keys: Keys, *, controllers: bool, extra: Sequence[str] = ()) -> Command:
    """The API server; `extra` flags come last, and override the others."""
    return [
        binary("kube-apiserver"),
        f"--etcd-servers=http://{LOOPBACK}:{ports.etcd}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={ports.apiserver}",
        f"--tls-cert-file={keys.cert_file}",
        f"--tls-private-key-file={keys.key_file}",
        f"--token-auth-file={keys.token_file}",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={keys.tokens_key_file}",
        f"--service-account-key-file={keys.tokens_public_key_file}",
        "--service-cluster-ip-range=10.0.0.0/16",
        # The Service `kubernetes` would need an address that is not loopback.
        "--endpoint-reconciler-type=none",
        "--allow-privileged",
        # That plugin refuses pods until a controller has created the default service account of the namespace.
        *(() if controllers else ("--disable-admission-plugins=ServiceAccount",)),
        *extra,
    ]


def controller_manager(kubeconfig: Path, keys: Keys) -> Command:
    """All controllers, each with its own service account as in production, so that webhooks see which one asks."""
    return [
        binary("kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={keys.tokens_key_file}",
        f"--root-ca-file={keys.ca_file}",
        *_alone(),
    ]


def scheduler(kubeconfig: Path) -> Command:
    """The default scheduler."""
    return [binary("kube-scheduler"), f"--kubeconfig={kubeconfig}", *_alone()]


def kwok(kubeconfig: Path) -> Command:
    """KWOK, in place of the kubelets of the nodes annotated for it: renews their leases, and moves their pods on."""
    return [
        binary("kwok"),
        f"--kubeconfig={kubeconfig}",
        f"--config={KWOK_STAGES}",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
        "--cidr=10.244.0.0/16",
        f"--node-ip={LOOPBACK}",
    ]


def _alone() -> Sequence[str]:
    return "--leader-elect=false", "--secure-port=0", *CLIENT_RATE
