"""Certificates of clients: the API server's, and those of other clients."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.authority import make_authority, new_key
from certs.bundle import Pair, write_certificates, write_key
from tests.support.certificates import NOW

API_SERVER = "kube-apiserver"
GROUP = "apiserver.config.k8s.io/v1"
CLIENTS, OTHERS = make_authority("clients", NOW), make_authority("others", NOW)


def client(
    name: str = API_SERVER,
    authority: Pair = CLIENTS,
    *,
    alternative: Sequence[x509.GeneralName] = (),
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    age: timedelta = timedelta(),
) -> Pair:
    """Issue a certificate that is valid for a day."""
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
    """Return certificate and key in one PEM text."""
    return pair.certificate.public_bytes(Encoding.PEM) + write_key(pair.key)


def admission_configuration(folder: Path) -> Path:
    """Write the file for --admission-control-config-file, with the certificate that the API server shows webhooks."""
    shown = client()
    (folder / "client.crt").write_bytes(write_certificates([shown.certificate]))
    (folder / "client.key").write_bytes(write_key(shown.key))
    user = {"client-certificate": str(folder / "client.crt"), "client-key": str(folder / "client.key")}
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "users": [{"name": "*", "user": user}]}
    (folder / "webhooks.kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    webhooks = {"kind": "WebhookAdmissionConfiguration", "kubeConfigFile": str(folder / "webhooks.kubeconfig")}
    plugin = {"name": "ValidatingAdmissionWebhook", "configuration": {"apiVersion": GROUP, **webhooks}}
    path = folder / "admission.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": GROUP, "kind": "AdmissionConfiguration", "plugins": [plugin]}))
    return path
