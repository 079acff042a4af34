"""The secret path: reviews are answered only where their path ends with a token that the gate alone names.

A pod in the cluster can reach the port, but does not know the token: what it sends is answered like any unknown path.
Tokens are compared in constant time, and never logged. Paths that do not belong to reviews have no token.
"""

from collections.abc import Iterable
from hmac import compare_digest

from webhook.web.routes import HEALTHZ, READYZ, REVIEWS

_BASES = frozenset(path.encode() for path in REVIEWS)
# Nothing else goes on to Flask, which would decode `/%76alidate` and answer.
_PAGES = frozenset(path.encode() for path in (HEALTHZ, READYZ))


class SecretPaths:
    """Knows the tokens that are accepted. One thread calls `accept`, any thread `resolve`."""

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        self._tokens: tuple[bytes, ...] = ()
        self._plain = False
        self.accept(tokens)

    def accept(self, tokens: Iterable[str]) -> None:
        """Accept these tokens from now on, and no others; an empty one stands for the path without a token."""
        given = tuple(dict.fromkeys(tokens))
        self._plain = "" in given
        self._tokens = tuple(each.encode() for each in given if each)

    def resolve(self, path: bytes) -> bytes | None:
        """Return the path without its token; None for a path that is not answered."""
        base, _, token = path.rpartition(b"/")
        if base in _BASES:
            # All of them are compared: which one it was takes no other time.
            return base if sum(compare_digest(token, each) for each in self._tokens) else None
        if path in _BASES:
            return path if self._plain else None
        return path if path in _PAGES else None
