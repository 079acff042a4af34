"""Every input that a fuzzer has found, every seed, and inputs too large for a fuzzer, read again."""

import logging
import time
from collections.abc import Iterator
from resource import RUSAGE_SELF, getrusage

import pytest

from tests.fuzz import hostile
from tests.fuzz.running import CASES
from tests.fuzz.targets import NAMES, load

MOST_SECONDS = 30  # of processor time for any input; the slowest takes less than one
MOST_MEMORY = 256 << 10  # KiB by which any input may raise the most memory that the process ever had
FOUND = [(name, path.name) for name in NAMES for path in sorted((CASES / name).glob("*"))]
HOSTILE = dict(hostile.inputs())


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep log lines about unreadable objects, of which some inputs have a million, out of the test's output."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("name", "case"), FOUND)
def test_what_was_found_once_holds_now(name: str, case: str) -> None:
    load(name).check((CASES / name / case).read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_holds(name: str) -> None:
    target = load(name)
    seeds = [*target.seeds()]
    assert len(seeds) > 3
    for data in seeds:
        target.check(data)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_inputs_hold_within_time_and_memory(name: str) -> None:
    check = load(name).check
    for kind, data in HOSTILE.items():
        begun, before = time.process_time(), getrusage(RUSAGE_SELF).ru_maxrss
        check(data)
        assert time.process_time() - begun < MOST_SECONDS, kind
        assert getrusage(RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY, kind


def test_each_case_belongs_to_a_target() -> None:
    assert {path.name for path in CASES.iterdir()} <= {*NAMES}
