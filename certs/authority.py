"""Makes a private certificate authority, and issues serving certificates from it.

Extensions follow RFC 5280 strictly, because newer verifiers (Python 3.13, Go) refuse what older ones accepted.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.bundle import Key, Pair
from certs.names import Names

AUTHORITY_LIFE = timedelta(days=3650)
SERVING_LIFE = timedelta(days=365)
CLOCK_SKEW = timedelta(hours=1)  # a client whose clock is slow must not find the certificate not valid yet


def make_authority(name: str, now: datetime, life: timedelta = AUTHORITY_LIFE, key: Key | None = None) -> Pair:
    """Make a self-signed authority that can sign serving certificates but not further authorities.

    Its subject is the name and a part of the key's digest, so that two authorities in one bundle differ.
    """
    key = key or new_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {identifier.digest.hex()[:8]}")])
    certificate = (
        _builder(subject, subject, key, now, now + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, SHA256())
    )
    return Pair(certificate, key)


def issue(authority: Pair, names: Names, now: datetime, life: timedelta = SERVING_LIFE, key: Key | None = None) -> Pair:
    """Issue a serving certificate; it expires no later than the authority."""
    key = key or new_key()
    until = min(now + life, authority.certificate.not_valid_after_utc)
    subject = names.subject
    certificate = (
        _builder(subject, authority.certificate.subject, key, now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # Only RSA can carry a session key to the server; an EC key signs.
        .add_extension(
            _usage(digital_signature=True, key_encipherment=isinstance(key, rsa.RSAPrivateKey)), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        # RFC 5280, 4.2.1.6: critical if the subject is empty.
        .add_extension(names.extension, critical=not list(subject))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issuer_identifier(authority.certificate), critical=False)
        .sign(authority.key, SHA256())
    )
    return Pair(certificate, key)


def new_key() -> Key:
    """Make an EC P-256 key: what every TLS client supports, at a fraction of RSA's cost per handshake."""
    return ec.generate_private_key(ec.SECP256R1())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(until)
    )


def _issuer_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:  # an authority that was not made here
        return x509.AuthorityKeyIdentifier(
            x509.SubjectKeyIdentifier.from_public_key(authority.public_key()).digest, None, None
        )
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
