"""Renewal: whether a certificate must be replaced, why, and from when on, as data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from certs import names as naming
from certs.bundle import Pair
from certs.names import Names


class Reason(StrEnum):
    """Why a pair must be replaced."""

    MISSING = "missing"
    MISMATCHED = "the key belongs to another certificate"
    NOT_AN_AUTHORITY = "the certificate may not sign others"
    NOT_SIGNED = "signed by another authority"
    NAMES = "issued for other names"
    NOT_YET_VALID = "not valid yet"
    EXPIRED = "expired"
    NEAR_END = "expires soon"
    ASKED = "asked for"


@dataclass(frozen=True, slots=True)
class Renewal:
    """The reason to renew; None while the pair is good. From `due` on, its age alone is a reason."""

    reason: Reason | None
    due: datetime


def of_authority(pair: Pair | None, now: datetime) -> Renewal:
    """Return whether and why an authority must be replaced."""
    if pair is None:
        return Renewal(Reason.MISSING, now)
    if not pair.matches:
        return Renewal(Reason.MISMATCHED, now)
    if not _may_sign(pair.certificate):
        return Renewal(Reason.NOT_AN_AUTHORITY, now)
    return _by_time(pair.certificate, now)


def of_serving(pair: Pair | None, authority: x509.Certificate, names: Names, now: datetime) -> Renewal:
    """Return whether and why a serving certificate must be replaced.

    `authority` is the one that should have signed it, and `names` are those that it should have.
    """
    if pair is None:
        return Renewal(Reason.MISSING, now)
    if not pair.matches:
        return Renewal(Reason.MISMATCHED, now)
    if not signed_by(pair.certificate, authority):
        return Renewal(Reason.NOT_SIGNED, now)
    if not naming.of(pair.certificate).same_as(names):
        return Renewal(Reason.NAMES, now)
    return _by_time(pair.certificate, now)


def due(certificate: x509.Certificate) -> datetime:
    """Return when two thirds of its life are over: the rest is enough to notice if renewal fails."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begin + (end - begin) * 2 / 3


def signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Say whether the authority has signed the certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):  # another issuer's name, a key of another kind, another key
        return False
    return True


def _by_time(certificate: x509.Certificate, now: datetime) -> Renewal:
    reason = None
    if now < certificate.not_valid_before_utc:
        reason = Reason.NOT_YET_VALID
    elif now >= certificate.not_valid_after_utc:
        reason = Reason.EXPIRED
    elif now >= due(certificate):
        reason = Reason.NEAR_END
    return Renewal(reason, due(certificate))


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return basic.ca and usage.key_cert_sign
