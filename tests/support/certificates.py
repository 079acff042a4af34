"""Server certificates for tests, and files that are laid out like a mounted Secret."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from certs import names
from certs.authority import issue, make_authority
from certs.bundle import Pair, write_certificates, write_key
from webhook.http.tls import ServingCertificate

NAME = "headroom.headroom-system.svc"

NAMES = names.parse([NAME], ["127.0.0.1"])

NOW = datetime.now(UTC)  # clients verify by the machine's clock

AUTHORITY = make_authority("test-ca", NOW)

FIRST, SECOND = issue(AUTHORITY, NAMES, NOW), issue(AUTHORITY, NAMES, NOW)


class Mounted(NamedTuple):
    """The certificate's and the key's file, where a server reads them."""

    certificate: Path
    key: Path

    def write(self, pair: Pair) -> None:
        self.write_key(pair)
        self.write_certificate(pair)

    def write_certificate(self, pair: Pair) -> None:
        self.certificate.write_bytes(write_certificates([pair.certificate]))

    def write_key(self, pair: Pair) -> None:
        self.key.write_bytes(write_key(pair.key))

    def serving(self) -> ServingCertificate:
        return ServingCertificate(self.certificate, self.key)
