"""The list of mutants: the protocol with one rule broken.

Each is a handful of patches on the real code (or on the shell around it, where the shell keeps the rule).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

Patches = list[tuple[Any, str, Any]]


class Mutant(NamedTuple):
    """A broken rule, and the checks of the model that are meant to see it broken."""

    name: str
    rule: str
    patches: Callable[[], Patches]
    caught_by: tuple[str, ...] = ("I1",)


MUTANTS: list[Mutant] = []


def mutant(rule: str, *caught_by: str) -> Callable[[Callable[[], Patches]], Callable[[], Patches]]:
    """Enter a function into the list: its name says what is broken."""

    def enter(patches: Callable[[], Patches]) -> Callable[[], Patches]:
        MUTANTS.append(Mutant(patches.__name__, rule, patches, caught_by or ("I1",)))
        return patches

    return enter


@contextmanager
def applied(broken: Mutant) -> Iterator[None]:
    """Run with the rule broken."""
    with ExitStack() as stack:
        for target, name, value in broken.patches():
            stack.enter_context(patch.object(target, name, value))
        yield
