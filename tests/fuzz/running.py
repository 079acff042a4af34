"""Runs one target under libFuzzer in a process of its own, and says what came of it."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import NamedTuple

from tests.fuzz import targets

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"
WORK = ROOT / ".local" / "fuzz"
_MOST_MEMORY = 1_024  # MiB that a process may take
_SLOWEST = 20  # seconds that one input may take: instrumented code is slow, and the machine may be busy
_LONGEST = 4_096  # bytes of an input; hostile.py has the large ones
_LAST = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
_DONE = re.compile(r"^Done (\d+) runs in", re.MULTILINE)


class Result(NamedTuple):
    """What a run has done.

    `coverage` counts edges of the webhook's bytecode, `failure` is empty if all held, and `processor` is the time in
    seconds that the processor gave to the run: on a busy machine far less than what a clock shows.
    """

    executions: int
    coverage: int
    inputs: int
    failure: str
    processor: float


def fuzz(name: str, limits: Sequence[str], seed: int, work: Path = WORK, slowest: int = _SLOWEST) -> Result:
    """Run a target within libFuzzer's `limits`, such as `-runs=1000`; inputs that broke it are left in `work`.

    What was found to reach new code stays in `work` too, and is where the next run begins. `slowest` are the seconds
    by the clock that one input may take.
    """
    corpus = work / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    target = targets.load(name)
    for number, data in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(data)
    words = work / name / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    options = (
        f"-seed={seed}", f"-dict={words}", f"-artifact_prefix={work / name}/", f"-rss_limit_mb={_MOST_MEMORY}",
        f"-timeout={slowest}", f"-max_len={_LONGEST}", "-len_control=20", *limits,
    )  # fmt: skip
    cases = [str(each) for each in [CASES / name] if each.exists()]
    command = (sys.executable, "-m", "tests.fuzz.one", name, *options, str(corpus), *cases)
    before = _of_children()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    return _result(done.stderr + done.stdout, done.returncode, _of_children() - before)


def _of_children() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{each:02x}" for each in word)


def _result(said: str, code: int, processor: float) -> Result:
    lines = _LAST.findall(said) or [("0", "0", "0", "0")]
    _, coverage, _, inputs = lines[-1]
    done = _DONE.search(said)
    executions = int(done[1]) if done else max(int(each[0]) for each in lines)
    return Result(executions, int(coverage), int(inputs), said[-6_000:] if code else "", processor)
