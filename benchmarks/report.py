"""Report: the figures of a run, as tables to read and as JSON to compare runs by."""

import json
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.figures import Chapter, Claim
from benchmarks.spreads import Ratio
from devcluster.binaries import release
from devcluster.toolchain import find_go
from devcluster.toolchain import version as go_version

PACKAGES = ("flask", "gunicorn", "uvloop", "httptools", "msgspec", "prometheus-client")


def show(chapter: Chapter) -> None:
    """Print a chapter."""
    print(f"\n== {chapter.title}")
    for case in chapter.cases():
        rows = [(case, *chapter.columns)]
        for rival in chapter.rivals(case):
            spreads = (chapter.spread(case, rival, column) for column in chapter.columns)
            rows.append((rival, *("-" if spread is None else str(spread) for spread in spreads)))
        print()
        print("\n".join(aligned(rows)))
    if notes := [*chapter.notes, *chapter.explained()]:
        print("\n" + "\n".join(notes))
    if chapter.claims:
        print("\n" + "\n".join(map(str, chapter.claims)), flush=True)


def conclude(chapters: Sequence[Chapter]) -> None:
    """Print what the figures depend on, and which promises do not hold."""
    print("\n== All together\n")
    print("; ".join(f"{name} {value}" for name, value in machine().items()))
    claims = [(chapter.title, claim) for chapter in chapters for claim in chapter.claims]
    broken = [f"{title}: {claim.text}" for title, claim in claims if not claim.holds]
    print(f"\n{len(claims) - len(broken)} of {len(claims)} promises hold" + (", but not:" if broken else ""))
    for text in broken:
        print(f"  {text}")


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows as lines with aligned columns, figures aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        yield f"  {first:{widths[0]}}  " + "  ".join(
            f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)
        )


def write(path: Path, name: str, chapters: Sequence[Chapter], seconds: float) -> None:
    """Write everything that was measured, as JSON."""
    document = {
        "run": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "machine": machine(),
        "chapters": [_document(chapter) for chapter in chapters],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def machine() -> dict[str, object]:
    """Return what the figures depend on: the machine and the versions of programs."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    line = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(line, capture_output=True, text=True, check=False)
    return {
        "processor": models[0] if models else platform.processor(),
        "processors": len(models),
        "memory": f"{_memory_gib():.0f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        "go": str(go_version(find_go())),
        "kubernetes": release().version,
        "kubernetes-client": installed("kubernetes"),
        "commit": commit.stdout.strip(),
        **{name: installed(name) for name in PACKAGES},
    }


def _memory_gib() -> float:
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    return int(total.split()[1]) / 2**20


def installed(package: str) -> str:
    """Return a package's version."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _document(chapter: Chapter) -> dict[str, object]:
    medians = {
        case: {
            rival: {
                column: spread._asdict()
                for column in chapter.columns
                if (spread := chapter.spread(case, rival, column)) is not None
            }
            for rival in chapter.rivals(case)
        }
        for case in chapter.cases()
    }
    return asdict(chapter) | {
        "samples": [sample._asdict() for sample in chapter.samples],
        "medians": medians,
        "claims": [_claim(claim) for claim in chapter.claims],
    }


def _claim(claim: Claim) -> dict[str, object]:
    written = claim._asdict() | {"value": claim.judged._asdict(), "holds": claim.holds}
    if isinstance(claim.value, Ratio):
        written |= {"unadjusted": claim.value.seen._asdict(), "rounds": claim.value.rounds.strip()}
    return written
