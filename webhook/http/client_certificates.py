"""Clients that have to prove who they are: the API server by its certificate; all others get answers to probes alone.

The handshake has verified a certificate by then, if one was shown (`tls.py`). It does not demand one, because the
kubelet's probes have none; what may be asked without one is said here, and nothing is read of a request but its head.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from webhook.http.messages import Response, plain
from webhook.http.tls import ServingCertificate

API_SERVER = "kube-apiserver"
"""The name that other webhooks expect too, where nobody says another (Gatekeeper's --client-cn-name)."""

_NAMES = frozenset({"DNS", "URI"})


class Clients:
    """Who may ask for reviews over TLS: whose certificate was verified and has this name."""

    def __init__(self, certificate: ServingCertificate, name: str) -> None:
        self._certificate = certificate
        self._name = name

    def refusal(self, handshake: ssl.SSLObject) -> Response | None:
        """Return the answer to a client that is not expected; None for one that is."""
        shown = handshake.getpeercert()
        if not shown:
            text = "show a client certificate that an authority of --client-ca-file has signed"
            return plain(401, text)
        if self._name in names(shown):
            return None
        return plain(403, f"the client certificate is not for {self._name}, the name that --client-name expects")

    def trusts(self, handshake: ssl.SSLObject) -> bool:
        """Say whether the client of that handshake is still trusted: the authorities may have been exchanged."""
        return self._certificate.trusts(handshake)


def names(certificate: Mapping[str, Any]) -> set[str]:
    """Return the common names and the alternative ones (DNS and URI) of a certificate as `getpeercert` describes it."""
    common = {value for relative in certificate.get("subject", ()) for key, value in relative if key == "commonName"}
    return common | {value for kind, value in certificate.get("subjectAltName", ()) if kind in _NAMES}
