"""PEM there and back, and bundles of two authorities."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certs.authority import make_authority, new_key
from certs.bundle import Pair, read_certificates, read_key, union, write_certificates, write_key

NOW = datetime(2026, 7, 1, tzinfo=UTC)
OLD, NEW = make_authority("old", NOW), make_authority("new", NOW)


@pytest.mark.parametrize("key", [OLD.key, rsa.generate_private_key(65537, 2048)])
def test_a_key_survives_pem(key: rsa.RSAPrivateKey) -> None:
    assert read_key(write_key(key)).private_numbers() == key.private_numbers()


def test_certificates_survive_pem_in_order() -> None:
    both = (NEW.certificate, OLD.certificate)
    assert read_certificates(write_certificates(both)) == both


@pytest.mark.parametrize("pem", [b"", b"garbage", write_key(OLD.key), write_certificates([OLD.certificate])[:-40]])
def test_what_holds_no_certificate_is_refused(pem: bytes) -> None:
    with pytest.raises(ValueError, match="no readable PEM certificate"):
        read_certificates(pem)


ENCRYPTED = OLD.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
ED25519 = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (b"", "no readable"),
        (write_certificates([OLD.certificate]), "no readable"),
        (ENCRYPTED, "unencrypted"),
        (ED25519, "Ed25519PrivateKey.*only EC and RSA"),
    ],
)
def test_what_holds_no_usable_key_is_refused(pem: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_key(pem)


def test_a_pair_matches_only_with_its_own_key() -> None:
    assert OLD.matches
    assert not Pair(OLD.certificate, new_key()).matches


def test_a_union_keeps_the_order_without_duplicates_or_what_has_expired() -> None:
    short = make_authority("short", NOW, life=timedelta(days=1)).certificate
    new, old = NEW.certificate, OLD.certificate
    assert union([new], [old, new, short], NOW) == (new, old, short)
    assert union([new], [old, new, short], NOW + timedelta(days=1)) == (new, old)
