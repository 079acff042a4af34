"""Client certificates: the API server must show one; a client without it gets responses to probes only.

The TLS handshake has already verified the certificate, if the client showed one (`tls.py`). The handshake does not
require one, because the kubelet's probes have none. This module decides what a client without one may request; of any
other request from it, the server reads only the head.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from webhook.http.messages import Response, plain
from webhook.http.tls import ServingCertificate

API_SERVER = "kube-apiserver"
"""The default of `--client-name`; other webhooks have the same default (Gatekeeper's --client-cn-name)."""

_NAMES = frozenset({"DNS", "URI"})


class Clients:
    """Decides which clients may send reviews over TLS: those whose certificate is verified and has the name `name`."""

    def __init__(self, certificate: ServingCertificate, name: str) -> None:
        self._certificate = certificate
        self._name = name

    def refusal(self, handshake: ssl.SSLObject) -> Response | None:
        """Return the response that refuses this client, 401 or 403; None for the expected client."""
        shown = handshake.getpeercert()
        if not shown:
            text = "show a client certificate that an authority of --client-ca-file has signed"
            return plain(401, text)
        if self._name in names(shown):
            return None
        return plain(403, f"the client certificate is not for {self._name}, the name that --client-name expects")

    def trusts(self, handshake: ssl.SSLObject) -> bool:
        """Say whether the client of that handshake is still trusted: the authorities may have changed since then."""
        return self._certificate.trusts(handshake)


def names(certificate: Mapping[str, Any]) -> set[str]:
    """Return the common names and the DNS and URI alternative names of a certificate, given as `getpeercert` does."""
    common = {value for relative in certificate.get("subject", ()) for key, value in relative if key == "commonName"}
    return common | {value for kind, value in certificate.get("subjectAltName", ()) if kind in _NAMES}
