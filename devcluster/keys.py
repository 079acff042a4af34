"""Makes the keys of an API server, for TLS and for signing tokens; all are elliptic-curve, so it takes milliseconds."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs import names
from certs.authority import issue, make_authority, new_key
from certs.bundle import write_key
from certs.directory import Directory

SERVER_DNS = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


class User(NamedTuple):
    """A user that the API server knows by a token of its own, which `make` gives it."""

    name: str
    groups: tuple[str, ...] = ()


class Keys(NamedTuple):
    """The files of one API server, all in one folder, and its administrator's token."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    tokens_key_file: Path
    tokens_public_key_file: Path
    token_file: Path
    admin_token: str
    tokens: dict[str, str]
    """The token of each further user, by the user's name."""


def make(folder: Path, *, addresses: Sequence[str] = (), users: Sequence[User] = ()) -> Keys:
    """Make an authority with a certificate for loopback, a key to sign service account tokens, and an admin token.

    The certificate is valid for `addresses` too, and each of `users` gets a token.
    """
    now = datetime.now(UTC)
    authority = make_authority("local-control-plane", now)
    directory = Directory(folder)
    directory.save_authority(authority, (authority.certificate,))
    directory.save_serving(issue(authority, names.parse(SERVER_DNS, ["127.0.0.1", *addresses]), now))
    tokens_key = new_key()
    public_key = tokens_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    admin = User("admin", ("system:masters",))
    tokens = {user.name: secrets.token_urlsafe(32) for user in (admin, *users)}
    return Keys(
        ca_file=folder / "ca.crt",
        cert_file=folder / "tls.crt",
        key_file=folder / "tls.key",
        tokens_key_file=_secret(folder / "service-accounts.key", write_key(tokens_key)),
        tokens_public_key_file=_secret(folder / "service-accounts.pub", public_key),
        # The columns of kube-apiserver's --token-auth-file: token, user, uid, groups.
        token_file=_secret(
            folder / "tokens.csv",
            "".join(
                f'{tokens[user.name]},{user.name},{user.name},"{",".join(user.groups)}"\n' for user in (admin, *users)
            ).encode(),
        ),
        admin_token=tokens.pop(admin.name),
        tokens=tokens,
    )


def _secret(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path
