"""Pairs of certificate and key, bundles of certificates, and both as PEM."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Bundle = tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key; `matches` says whether the key really belongs to it."""

    certificate: x509.Certificate
    key: Key

    @property
    def matches(self) -> bool:
        """Whether the key belongs to the certificate."""
        encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        mine = self.certificate.public_key().public_bytes(*encoding)
        return mine == self.key.public_key().public_bytes(*encoding)


def read_certificates(pem: bytes) -> Bundle:
    """Read one or more certificates; raises ValueError if there is none or one is damaged."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise ValueError(f"no readable PEM certificate in it ({error})") from error


def read_key(pem: bytes) -> Key:
    """Read an unencrypted EC or RSA private key; raises ValueError for anything else."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:  # TypeError is how an encrypted key is reported
        raise ValueError(f"no readable, unencrypted PEM private key in it ({error})") from error
    if not isinstance(key, Key):
        raise ValueError(f"a {type(key).__name__} in it, and only EC and RSA keys can be used")  # noqa: TRY004 - bad content, not a bad call
    return key


def write_certificates(certificates: Iterable[x509.Certificate]) -> bytes:
    """Return the certificates as PEM, in the order given."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def write_key(key: Key) -> bytes:
    """Return the key as PEM (PKCS 8), unencrypted: the caller that stores it must restrict access to it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def union(first: Iterable[x509.Certificate], then: Iterable[x509.Certificate], now: datetime) -> Bundle:
    """Join two bundles, so that clients trust both while servers change over. Drops duplicates and what has expired."""
    return tuple(dict.fromkeys(each for each in (*first, *then) if now < each.not_valid_after_utc))
