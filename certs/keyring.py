"""The keyring: all that is kept of certificates that look after themselves, as a value, and as the data of one Secret.

One object holds all of it, so a replica never sees a certificate without the authority and the paths that belong to it.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from certs.bundle import Bundle, Pair, read_certificates, read_key, write_certificates, write_key
from certs.renewal import signed_by

PLAIN: Final = ""
"""The token of the path without a token, which replicas accept while another kind of certificate is replaced."""

_TOKEN = re.compile(r"[0-9a-f]{64}")  # 32 bytes: of a Service's path, the API server accepts no capital letters


class Step(StrEnum):
    """How far a rotation is: what has been written, and what is waited for."""

    STEADY = "steady"  # nothing is under way
    PUBLISH = "publish"  # the new authority is trusted; the certificate is still of the earlier one
    SIGN = "sign"  # there is a new certificate; replicas take it up
    RETIRE = "retire"  # all replicas serve it; what was before is still trusted and accepted


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a new authority is trusted before it signs, and how long what was replaced is still trusted."""

    publish: timedelta = timedelta(minutes=1)  # many times what an API server needs to see an edit of its webhooks
    retire: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The authority, what clients trust, the serving certificate, and the tokens of the secret path.

    `trusted` begins with the authority's certificate. `path` is the token that clients send; `paths` are those that
    replicas accept, the newest first. In every step but PUBLISH, the authority has signed the serving certificate.
    """

    authority: Pair
    trusted: Bundle
    serving: Pair
    path: str
    paths: tuple[str, ...]
    step: Step
    since: datetime
    waits: Waits


def new_token() -> str:
    """Make the token of a secret path: 32 random bytes, in hexadecimal digits."""
    return secrets.token_hex(32)


def is_token(text: str) -> bool:
    """Say whether `text` has the form of a token."""
    return bool(_TOKEN.fullmatch(text))


def write(keyring: Keyring) -> dict[str, bytes]:
    """Return the data of the Secret; it is of the type kubernetes.io/tls, with further keys."""
    rotation = {
        "step": keyring.step.value,
        "since": keyring.since.isoformat(timespec="seconds"),
        "publish": keyring.waits.publish.total_seconds(),
        "retire": keyring.waits.retire.total_seconds(),
    }
    return {
        "ca.crt": write_certificates(keyring.trusted),
        "ca.key": write_key(keyring.authority.key),
        "tls.crt": write_certificates([keyring.serving.certificate]),
        "tls.key": write_key(keyring.serving.key),
        "paths.json": json.dumps({"path": keyring.path, "accepted": keyring.paths}).encode(),
        "rotation.json": json.dumps(rotation).encode(),
    }


def read(data: Mapping[str, bytes]) -> Keyring:
    """Read the data of the Secret; the ValueError for damaged data says what is wrong, and shows nothing secret."""
    try:
        trusted = read_certificates(data["ca.crt"])
        paths, rotation = json.loads(data["paths.json"]), json.loads(data["rotation.json"])
        keyring = Keyring(
            authority=Pair(trusted[0], read_key(data["ca.key"])),
            trusted=trusted,
            serving=Pair(read_certificates(data["tls.crt"])[0], read_key(data["tls.key"])),
            path=str(paths["path"]),
            paths=tuple(map(str, paths["accepted"])),
            step=Step(rotation["step"]),
            since=datetime.fromisoformat(rotation["since"]),
            waits=Waits(timedelta(seconds=rotation["publish"]), timedelta(seconds=rotation["retire"])),
        )
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is missing") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"paths.json or rotation.json is not JSON: {error.msg}") from None
    except (TypeError, OverflowError, AttributeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"paths.json or rotation.json has another shape: {type(error).__name__}") from None
    if fault := _fault(keyring):
        raise ValueError(fault)
    return keyring


def _fault(keyring: Keyring) -> str:
    if not keyring.authority.matches:
        return "ca.key belongs to another certificate than the first of ca.crt"
    if not keyring.serving.matches:
        return "tls.key belongs to another certificate than tls.crt"
    signers = keyring.trusted if keyring.step is Step.PUBLISH else keyring.trusted[:1]
    if not any(signed_by(keyring.serving.certificate, each) for each in signers):
        return "no authority of ca.crt that could have signed tls.crt did"
    if keyring.path not in keyring.paths or not all(each == PLAIN or is_token(each) for each in keyring.paths):
        return "paths.json holds no good paths"
    if keyring.since.tzinfo is None or keyring.waits.publish < timedelta(0) or keyring.waits.retire < timedelta(0):
        return "rotation.json holds no good times"
    return ""
