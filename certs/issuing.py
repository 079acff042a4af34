"""Issuing: see that a directory holds a good authority and serving certificate; change only what must change."""

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
    """A pair that the directory holds now, and the reason for which it was made just now; None where it was kept."""

    pair: Pair
    made: Reason | None


def hold_authority(directory: Directory, name: str, now: datetime) -> Held:
    """Keep the authority or make one; what was trusted before stays trusted beside it.

    Certificates of the old authority are still being served when clients learn of the new one.
    """
    existing = directory.authority
    need = renewal.of_authority(existing, now)
    if existing is not None and need.reason is None:
        return Held(existing, None)
    pair = make_authority(name, now)
    directory.save_authority(pair, union([pair.certificate], directory.trusted, now))
    return Held(pair, need.reason)


def hold_serving(
    directory: Directory, authority: Pair, names: Names, now: datetime, life: timedelta, *, anew: bool = False
) -> Held:
    """Keep the serving certificate or issue one; `anew` issues it in any case and does not read the old one."""
    existing = None if anew else directory.serving
    need = renewal.of_serving(existing, authority.certificate, names, now)
    if existing is not None and need.reason is None:
        return Held(existing, None)
    pair = issue(authority, names, now, life)
    directory.save_serving(pair)
    return Held(pair, Reason.ASKED if anew else need.reason)
