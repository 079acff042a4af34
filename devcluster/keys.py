"""Makes the keys of an API server, for TLS and for signing tokens; all are elliptic-curve, so it takes milliseconds."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs import names
from certs.authority import issue, make_authority, new_key
from certs.bundle import write_key
from certs.directory import Directory

SERVER_NAMES = names.parse(["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"], ["127.0.0.1"])


class Keys(NamedTuple):
    """The files of one API server, all in one folder, and its administrator's token."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    tokens_key_file: Path
    tokens_public_key_file: Path
    token_file: Path
    admin_token: str


def make(folder: Path) -> Keys:
    """Make an authority with a certificate for loopback, a key to sign service account tokens, and an admin token."""
    now = datetime.now(UTC)
    authority = make_authority("local-control-plane", now)
    directory = Directory(folder)
    directory.save_authority(authority, (authority.certificate,))
    directory.save_serving(issue(authority, SERVER_NAMES, now))
    tokens_key = new_key()
    public_key = tokens_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = secrets.token_urlsafe(32)
    return Keys(
        ca_file=folder / "ca.crt",
        cert_file=folder / "tls.crt",
        key_file=folder / "tls.key",
        tokens_key_file=_secret(folder / "service-accounts.key", write_key(tokens_key)),
        tokens_public_key_file=_secret(folder / "service-accounts.pub", public_key),
        # The columns of kube-apiserver's --token-auth-file: token, user, uid, groups.
        token_file=_secret(folder / "tokens.csv", f"{token},admin,admin,system:masters\n".encode()),
        admin_token=token,
    )


def _secret(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path
