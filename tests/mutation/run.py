"""A run: faults are drawn by a seed and tried one after another; what came of it is counted by room."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from tests.mutation.edits import Edit, edits
from tests.mutation.equivalent import Equivalent
from tests.mutation.rooms import Room
from tests.mutation.sandbox import Sandbox, sandbox


class Mutant(NamedTuple):
    """One fault of one file."""

    room: Room
    file: str
    code: str  # the line that it begins in
    edit: Edit

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by in the list of equivalents."""
        return self.file, self.code, self.edit.change

    @property
    def where(self) -> str:
        """Its place, as an editor opens it."""
        return f"{self.file}:{self.edit.line}"


class Trial(NamedTuple):
    """A mutant, and whether the tests of its room noticed it."""

    mutant: Mutant
    noticed: bool


def mutants(checkout: Path, rooms: Iterable[Room]) -> list[Mutant]:
    """Return every fault of every room."""
    found = []
    for room in rooms:
        for file in room.sources:
            source = (checkout / file).read_bytes()
            lines = source.decode().splitlines()
            found += [Mutant(room, file, lines[edit.line - 1].strip(), edit) for edit in edits(source)]
    return found


def apart(all_of_them: Iterable[Mutant], known: Iterable[Equivalent]) -> tuple[list[Mutant], list[Equivalent]]:
    """Return the mutants without those that are known to be equivalent, and the entries that fit none."""
    known = list(known)
    keys = {each.key for each in known}
    left, met = [], set()
    for mutant in all_of_them:
        if mutant.key in keys:
            met.add(mutant.key)
        else:
            left.append(mutant)
    return left, [each for each in known if each.key not in met]


def draw(left: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """Draw so many, by room so that the tests of a room stay warm."""
    drawn = random.Random(seed).sample(left, min(count, len(left)))  # noqa: S311 - a seed is no secret
    names = list(dict.fromkeys(mutant.room.name for mutant in left))
    return sorted(drawn, key=lambda mutant: (names.index(mutant.room.name), mutant.file, mutant.edit))


def tried(
    checkout: Path, drawn: list[Mutant], jobs: int, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[Trial]:
    """Try them, in a copy for each job, until the time is up. Raises `BaselineError`."""
    until = clock() + seconds
    with ExitStack() as stack:
        idle: SimpleQueue[Sandbox] = SimpleQueue()
        for _ in range(jobs):
            idle.put(stack.enter_context(sandbox(checkout)))

        def attempt(mutant: Mutant) -> Trial | None:
            if clock() >= until:
                return None
            copy = idle.get()
            try:
                return Trial(mutant, copy.notices(mutant.room, mutant.file, mutant.edit))
            finally:
                idle.put(copy)

        pool = ThreadPoolExecutor(jobs)
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)  # what runs ends with its sandbox
        yield from (trial for trial in pool.map(attempt, drawn) if trial is not None)


def rates(trials: Iterable[Trial]) -> dict[str, tuple[int, int]]:
    """Return by room how many were noticed, and of how many."""
    counted: dict[str, tuple[int, int]] = {}
    for mutant, noticed in trials:
        good, whole = counted.get(mutant.room.name, (0, 0))
        counted[mutant.room.name] = good + noticed, whole + 1
    return counted
