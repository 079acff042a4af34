"""What an early answer reads from the API server: `manager` hands in the function, so that no review calls the API."""

from collections.abc import Mapping
from typing import Final, Protocol

JSON: Final = "application/json"


class FetchError(Exception):
    """The API server did not show an object."""


class MissingError(FetchError):
    """There is no such object."""


class Fetch(Protocol):
    """Reads an object or a list; any thread may call it."""

    def __call__(self, path: str, query: Mapping[str, str] | None = None, accept: str = JSON) -> bytes:
        """Return the body, within less than a second; raises `FetchError`. `accept` may ask for metadata alone."""
