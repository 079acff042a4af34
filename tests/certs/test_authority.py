"""Certificates say what they should, and verifiers that share no code with this project agree."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from certs import names
from certs.authority import AUTHORITY_LIFE, CLOCK_SKEW, SERVING_LIFE, issue, make_authority, new_key
from certs.bundle import Pair, write_certificates

NOW = datetime.now(UTC).replace(microsecond=0)  # openssl verifies by the machine's clock
NAMES = names.parse(["headroom.headroom-system.svc", "*.example.test"], ["127.0.0.1", "fd00::1"])
AUTHORITY = make_authority("test-ca", NOW)
SERVING = issue(AUTHORITY, NAMES, NOW)
OPENSSL = shutil.which("openssl")

needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="a second opinion, where openssl is installed")


def usages(pair: Pair) -> set[str]:
    usage = pair.certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return {name for name in (*every, "key_cert_sign", "crl_sign") if getattr(usage.value, name)}


def test_an_authority_signs_certificates_and_no_authorities() -> None:
    basic = AUTHORITY.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value == x509.BasicConstraints(ca=True, path_length=0)
    assert usages(AUTHORITY) == {"key_cert_sign", "crl_sign"}
    assert AUTHORITY.certificate.issuer == AUTHORITY.certificate.subject


def test_two_authorities_of_one_name_have_different_subjects() -> None:
    assert make_authority("test-ca", NOW).certificate.subject != AUTHORITY.certificate.subject


def test_a_serving_certificate_authenticates_servers_and_signs_nothing() -> None:
    extensions = SERVING.certificate.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert usages(SERVING) == {"digital_signature"}
    assert names.of(SERVING.certificate) == NAMES


def test_only_an_rsa_key_may_encipher_keys() -> None:
    key = rsa.generate_private_key(65537, 2048)
    assert usages(issue(AUTHORITY, NAMES, NOW, key=key)) == {"digital_signature", "key_encipherment"}


def test_the_key_identifiers_link_the_two() -> None:
    own = AUTHORITY.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    link = SERVING.certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert link.key_identifier == own.digest


def test_keys_are_p256_and_serial_numbers_random() -> None:
    assert isinstance(SERVING.key, ec.EllipticCurvePrivateKey)
    assert isinstance(SERVING.key.curve, ec.SECP256R1)
    serials = {issue(AUTHORITY, NAMES, NOW, key=SERVING.key).certificate.serial_number for _ in range(20)}
    assert len(serials) == 20


def test_validity_begins_before_now_for_clients_with_slow_clocks() -> None:
    for pair, life in ((AUTHORITY, AUTHORITY_LIFE), (SERVING, SERVING_LIFE)):
        assert pair.certificate.not_valid_before_utc == NOW - CLOCK_SKEW
        assert pair.certificate.not_valid_after_utc == NOW + life


def test_a_serving_certificate_never_outlives_its_authority() -> None:
    pair = issue(AUTHORITY, NAMES, NOW + AUTHORITY_LIFE - timedelta(days=1))
    assert pair.certificate.not_valid_after_utc == AUTHORITY.certificate.not_valid_after_utc


def test_names_are_critical_where_the_subject_is_empty() -> None:
    long = names.parse([".".join(["a" * 33] * 2)], [])
    extension = x509.SubjectAlternativeName
    assert issue(AUTHORITY, long, NOW).certificate.extensions.get_extension_for_class(extension).critical
    assert not SERVING.certificate.extensions.get_extension_for_class(extension).critical


def test_an_authority_without_a_key_identifier_can_sign_too() -> None:
    key, subject = new_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "brought along")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    brought = Pair(certificate.sign(key, SHA256()), key)
    issue(brought, NAMES, NOW).certificate.verify_directly_issued_by(brought.certificate)


@pytest.mark.parametrize(
    "subject", [*map(x509.DNSName, ("a.example.test", NAMES.dns[0])), *map(x509.IPAddress, NAMES.ips)]
)
def test_a_webpki_verifier_accepts_every_name(subject: x509.DNSName | x509.IPAddress) -> None:
    builder = PolicyBuilder().store(Store([AUTHORITY.certificate])).time(NOW)
    chain = builder.build_server_verifier(subject).verify(SERVING.certificate, [])
    assert chain == [SERVING.certificate, AUTHORITY.certificate]


@pytest.mark.parametrize("subject", [x509.DNSName("other.test"), x509.IPAddress(ip_address("127.0.0.2"))])
def test_a_webpki_verifier_refuses_every_other_name(subject: x509.DNSName | x509.IPAddress) -> None:
    builder = PolicyBuilder().store(Store([AUTHORITY.certificate])).time(NOW)
    with pytest.raises(VerificationError):
        builder.build_server_verifier(subject).verify(SERVING.certificate, [])


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(OPENSSL), *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)


@needs_openssl
@pytest.mark.parametrize("flags", [("-verify_hostname", "a.example.test"), ("-verify_ip", "fd00::1")])
def test_openssl_verifies_strictly(tmp_path: Path, flags: tuple[str, str]) -> None:
    trusted, shown = tmp_path / "ca.crt", tmp_path / "tls.crt"
    other = make_authority("test-ca", NOW).certificate
    trusted.write_bytes(write_certificates([other, AUTHORITY.certificate]))
    shown.write_bytes(write_certificates([SERVING.certificate]))
    strictly = ("verify", "-x509_strict", "-purpose", "sslserver", *flags, "-CAfile")
    assert openssl(*strictly, trusted, shown).returncode == 0
    trusted.write_bytes(write_certificates([other]))
    assert openssl(*strictly, trusted, shown).returncode != 0


@needs_openssl
def test_openssl_reads_the_extensions_as_meant(tmp_path: Path) -> None:
    shown = tmp_path / "tls.crt"
    shown.write_bytes(write_certificates([SERVING.certificate]))
    text = " ".join(openssl("x509", "-in", shown, "-noout", "-text").stdout.split())
    assert "X509v3 Key Usage: critical Digital Signature X509v3" in text
    assert "X509v3 Extended Key Usage: TLS Web Server Authentication X509v3" in text
    assert "DNS:headroom.headroom-system.svc, DNS:*.example.test, IP Address:127.0.0.1, IP Address:FD00" in text
