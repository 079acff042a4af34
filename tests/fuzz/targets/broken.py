"""A target that breaks at one word, which shows that the fuzzer finds what is to be found. It is not one of `NAMES`."""

from collections.abc import Iterable

WORDS = (b"word",)


def seeds() -> Iterable[bytes]:
    """Yield an input that is far from the word."""
    yield b"____"


def check(data: bytes) -> None:
    """Fail for inputs that begin with the word, one branch for each of its letters."""
    if data[:1] == b"f" and data[1:2] == b"u" and data[2:3] == b"z" and data[3:4] == b"z":
        raise AssertionError("the word was found")
