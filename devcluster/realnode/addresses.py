"""The networks of the real nodes: one bridge on this machine, and behind it the nodes, their pods and the Services.

    this machine 10.246.0.1 ─ bridge ┬─ gateway 10.246.0.2: Services, by a kube-proxy of the control plane's own
    (control plane, KWOK)            ├─ real-1  10.246.0.11: pods 10.245.1.0/24
                                     └─ real-2  10.246.0.12: pods 10.245.2.0/24

The gateway does for the API server what kube-proxy does on a control plane's machine; so this machine itself needs no
rules of a firewall. KWOK's pods have 10.244.0.0/16.
"""

from ipaddress import IPv4Interface, IPv4Network
from typing import Final

BRIDGE: Final = "headroom0"
MOST_NODES: Final = 2
NODES: Final = IPv4Network("10.246.0.0/24")
PODS: Final = IPv4Network("10.245.0.0/16")
SERVICES: Final = IPv4Network("10.247.0.0/16")

MACHINE: Final = NODES[1]
GATEWAY: Final = NODES[2]
API_SERVICE: Final = SERVICES[1]  # the API server gives this one to the Service `kubernetes`
DNS_SERVICE: Final = SERVICES[10]  # the usual place; nothing answers there, since there is no cluster DNS


def node(number: int) -> IPv4Interface:
    """The address of the node of that number, from 1 on, in its network."""
    return IPv4Interface((NODES[10 + number], NODES.prefixlen))


def pods(number: int) -> IPv4Network:
    """The network of the pods of that node."""
    return list(PODS.subnets(new_prefix=24))[number]
