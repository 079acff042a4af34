"""Publications: what one replica tells the others of its refusals, as one short text, and all of them in one view.

The text is base64 of zlib of JSON: messages repeat each other, so it is about a tenth as long as the JSON. Only the
newest that fit into `LONGEST` are published, and a replica itself shows only what it publishes: so all replicas show
the same.
"""

import zlib
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from webhook.core.events.reference import Reference
from webhook.core.reporting.blocked import Blocked, both, in_order
from webhook.core.reporting.denials import merged
from webhook.core.reporting.rows import DenialRow

LONGEST: Final = 32 << 10  # characters of one replica's text; 32 replicas fill a ConfigMap
_LARGEST: Final = 4 << 20  # bytes of JSON; more is not decompressed
VERSION: Final = 1


class PublicationError(ValueError):
    """A text is not what a replica of this version writes; the message says why."""


class Publication(Struct, frozen=True, gc=False):
    """What one replica shows. `renewal` counts its writes: others see by it that the replica lives."""

    version: int = VERSION
    renewal: int = 0
    denials: tuple[DenialRow, ...] = ()
    blocked: tuple[Blocked, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to show."""
        return not (self.denials or self.blocked)

    def shows_the_same(self, other: "Publication") -> bool:
        """Say whether two publications differ at most in their renewal."""
        return self.denials == other.denials and self.blocked == other.blocked


Views = Mapping[str, Publication]
"""What each replica shows, by its name."""


class _Version(Struct):
    version: int


_encode = msgspec.json.Encoder().encode
_version = msgspec.json.Decoder(_Version).decode
_decode = msgspec.json.Decoder(Publication).decode


def fitted(denials: tuple[DenialRow, ...], blocked: tuple[Blocked, ...], longest: int = LONGEST) -> Publication:
    """Return the publication of as much as fits: first fewer of the oldest denials, then of the newest blocked owners.

    `denials` come newest first and `blocked` longest first.
    """
    made = Publication(denials=denials, blocked=blocked)
    while len(written(made)) > longest and not made.is_empty:
        denials, blocked = (denials[: len(denials) // 2], blocked) if denials else ((), blocked[: len(blocked) // 2])
        made = Publication(denials=denials, blocked=blocked)
    return made


def written(publication: Publication) -> str:
    """Encode a publication."""
    return b64encode(zlib.compress(_encode(publication), 6)).decode()


def read(text: str) -> Publication:
    """Decode a publication; raises `PublicationError`."""
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(b64decode(text, validate=True), _LARGEST)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise PublicationError("it is incomplete, or too large")
        if _version(data).version != VERSION:
            raise PublicationError("another version of Headroom wrote it")
        return _decode(data)
    except (BadBase64, zlib.error, msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise PublicationError(str(error)) from error


def denials_of(views: Views) -> tuple[DenialRow, ...]:
    """Return the denials of all replicas, newest first."""
    return merged(row for view in views.values() for row in view.denials)


def blocked_of(views: Views) -> tuple[Blocked, ...]:
    """Return the blocked owners of all replicas, first those that have been so for longest."""
    return joined(each for view in views.values() for each in view.blocked)


def joined(blocked: Iterable[Blocked]) -> tuple[Blocked, ...]:
    """Return blocked owners in order, those that several replicas have refused once."""
    known: dict[Reference, Blocked] = {}
    for each in blocked:
        known[each.owner] = both(known[each.owner], each) if each.owner in known else each
    return in_order(known.values())
