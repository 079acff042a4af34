"""The replicas behind the Service, from its EndpointSlices, and which certificate each of them shows."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from webhook.kube.objects import Object, Objects

SERVICE: Final = "headroom"
_PORT: Final = "https"
_TIMEOUT: Final = 2.0  # seconds
_SELECTED: Final = {"labelSelector": f"kubernetes.io/service-name={SERVICE}"}

Shown = Callable[[str, int, float], str | None]
"""Shakes hands with a host and port within so many seconds; returns the fingerprint of the certificate it shows."""


class Address(NamedTuple):
    """Where a replica is reached, and whether it must answer: one that has ended, or only begins, need not."""

    name: str
    host: str
    port: int
    must_answer: bool


class Replicas:
    """Asks every replica that the Service may lead to; may raise `KubeError`."""

    def __init__(self, slices: Objects, shown: Shown) -> None:
        self._slices = slices
        self._shown = shown

    def served(self, wanted: str) -> Mapping[str, str | None]:
        """Return the fingerprint that each replica shows; None for one that does not answer.

        It ends at the first one that does not show `wanted`: the others are not asked then.
        """
        found = dict[str, str | None]()
        for address in addresses(self._slices.items(_SELECTED)):
            shown = self._shown(address.host, address.port, _TIMEOUT)
            if shown is None and not address.must_answer:
                continue
            found[address.name] = shown
            if shown != wanted:
                break
        return found


def addresses(slices: list[Object]) -> Iterator[Address]:
    """Yield every address in EndpointSlices, each once."""
    seen = set[tuple[str, int]]()
    for each in slices:
        ports = [port.get("port") for port in each.get("ports") or () if port.get("name") == _PORT]
        for endpoint in each.get("endpoints") or ():
            for host in endpoint.get("addresses") or ():
                for port in ports:
                    if port and (host, port) not in seen:
                        seen.add((host, port))
                        yield _address(endpoint, host, port)


def _address(endpoint: Mapping[str, Any], host: str, port: int) -> Address:
    conditions = endpoint.get("conditions") or {}
    # A condition that is not there counts as true.
    serving = conditions.get("serving") is not False and conditions.get("ready", True) is not False
    name = (endpoint.get("targetRef") or {}).get("name") or f"{host}:{port}"
    return Address(name, host, port, serving)
