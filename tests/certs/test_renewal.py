"""When a pair must be made anew, and why."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from certs import names
from certs.authority import CLOCK_SKEW, issue, make_authority, new_key
from certs.bundle import Pair
from certs.renewal import Reason, due, of_authority, of_serving

NOW = datetime(2026, 7, 1, tzinfo=UTC)
NAMES = names.parse(["a.test", "b.test"], ["127.0.0.1"])
LIFE = timedelta(days=30)
AUTHORITY = make_authority("test-ca", NOW, life=LIFE)
SERVING = issue(AUTHORITY, NAMES, NOW, life=LIFE)
DUE = NOW - CLOCK_SKEW + (LIFE + CLOCK_SKEW) * 2 / 3
MOMENT = timedelta(seconds=1)


def bare() -> Pair:
    """Make a self-signed pair without any extension, as old tools do."""
    key, subject = new_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bare")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + LIFE)
    return Pair(builder.sign(key, SHA256()), key)


BY_TIME = [
    (NOW - CLOCK_SKEW - MOMENT, Reason.NOT_YET_VALID),
    (NOW - CLOCK_SKEW, None),
    (DUE - MOMENT, None),
    (DUE, Reason.NEAR_END),
    (NOW + LIFE - MOMENT, Reason.NEAR_END),
    (NOW + LIFE, Reason.EXPIRED),
]


@pytest.mark.parametrize(("now", "reason"), BY_TIME)
def test_an_authority_is_renewed_by_its_time(now: datetime, reason: Reason | None) -> None:
    renewal = of_authority(AUTHORITY, now)
    assert (renewal.reason, renewal.due) == (reason, DUE)


@pytest.mark.parametrize(("now", "reason"), BY_TIME)
def test_a_serving_certificate_is_renewed_by_its_time(now: datetime, reason: Reason | None) -> None:
    renewal = of_serving(SERVING, AUTHORITY.certificate, NAMES, now)
    assert (renewal.reason, renewal.due) == (reason, DUE)


def test_the_due_moment_is_two_thirds_through() -> None:
    assert due(SERVING.certificate) == DUE


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (None, Reason.MISSING),
        (Pair(AUTHORITY.certificate, new_key()), Reason.MISMATCHED),
        (SERVING, Reason.NOT_AN_AUTHORITY),
        (bare(), Reason.NOT_AN_AUTHORITY),
    ],
)
def test_an_authority_that_cannot_sign_is_due_at_once(pair: Pair | None, reason: Reason) -> None:
    renewal = of_authority(pair, NOW)
    assert (renewal.reason, renewal.due) == (reason, NOW)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (None, Reason.MISSING),
        (Pair(SERVING.certificate, new_key()), Reason.MISMATCHED),
        (issue(make_authority("test-ca", NOW), NAMES, NOW), Reason.NOT_SIGNED),
        (issue(Pair(AUTHORITY.certificate, new_key()), NAMES, NOW), Reason.NOT_SIGNED),
        (issue(AUTHORITY, names.parse(["a.test"], ["127.0.0.1"]), NOW), Reason.NAMES),
        (issue(AUTHORITY, names.parse([*NAMES.dns, "c.test"], ["127.0.0.1"]), NOW), Reason.NAMES),
        (issue(AUTHORITY, names.parse(NAMES.dns, ["127.0.0.2"]), NOW), Reason.NAMES),
        (AUTHORITY, Reason.NAMES),
        (issue(AUTHORITY, names.parse(NAMES.dns[::-1], ["127.0.0.1"]), NOW), None),
    ],
)
def test_a_serving_certificate_is_judged_by_key_authority_and_names(pair: Pair | None, reason: Reason | None) -> None:
    assert of_serving(pair, AUTHORITY.certificate, NAMES, NOW).reason == reason
