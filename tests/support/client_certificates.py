"""Certificates of clients: what an API server shows, and what somebody else would."""

from collections.abc import Sequence
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.authority import make_authority, new_key
from certs.bundle import Pair, write_key
from tests.support.certificates import NOW

API_SERVER = "kube-apiserver"
CLIENTS, OTHERS = make_authority("clients", NOW), make_authority("others", NOW)


def client(
    name: str = API_SERVER,
    authority: Pair = CLIENTS,
    *,
    alternative: Sequence[x509.GeneralName] = (),
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    age: timedelta = timedelta(),
) -> Pair:
    """Issue a certificate for a day."""
    key = new_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(hours=1) - age)
        .not_valid_after(NOW + timedelta(days=1) - age)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    return Pair(builder.sign(authority.key, SHA256()), key)


def pem(pair: Pair) -> bytes:
    """Write certificate and key into one."""
    return pair.certificate.public_bytes(Encoding.PEM) + write_key(pair.key)
