"""The configuration files of a node's programs: containerd, its network plug-ins, and the kubelet."""

import json
from pathlib import Path
from typing import Any, Final

from devcluster.realnode import addresses
from devcluster.realnode.checks import plugins

SOCKET: Final = "/run/containerd/containerd.sock"
PAUSE: Final = "localhost/headroom-pause:1"


def containerd(networks: Path) -> str:
    """The configuration of containerd 1.6 and 1.7 (version 2 of the file)."""
    return f"""version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # A process cannot lower its score below that of the one that started it.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins()}"
    conf_dir = "{networks}"
"""


def network(number: int) -> str:
    """The pods' network of a node: a bridge, with addresses of the node's own range."""
    address = {"type": "host-local", "ranges": [[{"subnet": str(addresses.pods(number))}]]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True}
    return json.dumps(
        {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [bridge | {"ipam": address | {"routes": [{"dst": "0.0.0.0/0"}]}}],
        },
        indent=2,
    )


def kubelet(work: Path, ca_file: Path, cgroup: str, reserved_bytes: int) -> dict[str, Any]:
    """The kubelet's configuration; `reserved_bytes` of the machine's memory are not allocatable."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(ca_file)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        # The machine is shared: the node takes no more of it than its pods' cgroups, and evicts nobody for the disk.
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": False,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "failSwapOn": False,
        "systemReserved": {"memory": str(reserved_bytes)},
        "volumePluginDir": str(work / "volume-plugins"),
        "resolvConf": str(work / "resolv.conf"),
        "clusterDomain": "cluster.local",
        "clusterDNS": [str(addresses.DNS_SERVICE)],
        "serializeImagePulls": False,
    }
