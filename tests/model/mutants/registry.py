"""The list of mutants: the protocol with one rule broken.

Each is a few patches of the real code, or of the model's replica where that keeps the rule.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

Patches = list[tuple[Any, str, Any]]


class Mutant(NamedTuple):
    """A broken rule, and the checks of the model that must detect it."""

    name: str
    rule: str
    patches: Callable[[], Patches]
    caught_by: tuple[str, ...] = ("I1",)


MUTANTS: list[Mutant] = []


def mutant(rule: str, *caught_by: str) -> Callable[[Callable[[], Patches]], Callable[[], Patches]]:
    """Add a function to the list; its name says what is broken, and it returns the patches."""

    def enter(patches: Callable[[], Patches]) -> Callable[[], Patches]:
        MUTANTS.append(Mutant(patches.__name__, rule, patches, caught_by or ("I1",)))
        return patches

    return enter


@contextmanager
def applied(broken: Mutant) -> Iterator[None]:
    """Apply a mutant's patches during the block."""
    with ExitStack() as stack:
        for target, name, value in broken.patches():
            stack.enter_context(patch.object(target, name, value))
        yield
