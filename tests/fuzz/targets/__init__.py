"""The targets: one module for each kind of input, with `check`, `seeds` and `WORDS`."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import NamedTuple

NAMES = (
    "admission_review",
    "quantity",
    "configuration",
    "watch_line",
    "http_request",
    "shared_object",
    "manifest",
)


class Target(NamedTuple):
    """What is fuzzed.

    `check` reads one input and raises whatever is not documented, or AssertionError for a result that contradicts the
    oracle. `seeds` are inputs to begin with, and `words` what a mutation may insert.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...]


def load(name: str) -> Target:
    """Import a target, and with it the code that it tests: a fuzzer instruments that while it is imported."""
    module = import_module(f"{__name__}.{name}")
    return Target(module.check, module.seeds, module.WORDS)
