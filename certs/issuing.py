"""Makes sure that a directory holds a good authority and a good serving certificate; replaces only what it must."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from certs import renewal
from certs.authority import issue, make_authority
from certs.bundle import Pair, union
from certs.directory import Directory
from certs.names import Names
from certs.renewal import Reason


@dataclass(frozen=True, slots=True)
class Held:
    """A pair that the directory holds now, and the reason why it has just been made; None if it was kept."""

    pair: Pair
    made: Reason | None


def hold_authority(directory: Directory, name: str, now: datetime) -> Held:
    """Keep the authority, or make one and add it to the trusted bundle; the earlier ones stay trusted.

    Servers still show certificates of the old authority when clients begin to trust the new one.
    """
    existing = directory.authority
    need = renewal.of_authority(existing, now)
    if existing is not None and need.reason is None:
        return Held(existing, None)
    pair = make_authority(name, now)
    directory.save_authority(pair, union([pair.certificate], directory.trusted, now))
    return Held(pair, need.reason)


def hold_serving(
    directory: Directory, authority: Pair, names: Names, now: datetime, life: timedelta, *, reissue: bool = False
) -> Held:
    """Keep the serving certificate, or issue one; with `reissue`, always issue one, without reading the old one."""
    existing = None if reissue else directory.serving
    need = renewal.of_serving(existing, authority.certificate, names, now)
    if existing is not None and need.reason is None:
        return Held(existing, None)
    pair = issue(authority, names, now, life)
    directory.save_serving(pair)
    return Held(pair, Reason.ASKED if reissue else need.reason)
