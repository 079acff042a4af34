"""Looks for known vulnerabilities of what is pinned: python -m tests.packaging.audit [--advisories FOLDER].

The database is PyPA's (github.com/pypa/advisory-database), a file of OSV's form for each advisory. Without a folder
that has it, it is cloned. Where it cannot be reached, that is said, and the exit code is 2: nothing was audited.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).parents[2]
DATABASE: Final = "https://github.com/pypa/advisory-database"
FILES: Final = ("requirements.txt", "requirements-tools.txt", "requirements-dev.txt", "image/building.in")


def pins(texts: Iterable[str]) -> dict[str, str]:
    """Return the pinned version of each name."""
    lines = (line.partition("#")[0].partition(";")[0].strip() for text in texts for line in text.splitlines())
    pairs = (line.partition("==") for line in lines if "==" in line)
    return {canonicalize_name(name.partition("[")[0].strip()): version.strip() for name, _, version in pairs}


def affects(advisory: Mapping[str, Any], name: str, version: str) -> bool:
    """Say whether an advisory in OSV's form is about this version: it is listed, or in a range of versions."""
    found = Version(version)
    for each in advisory.get("affected", ()):
        if canonicalize_name(each["package"]["name"]) != name:
            continue
        if version in map(str, each.get("versions", ())):
            return True
        ranges = [part["events"] for part in each.get("ranges", ()) if part["type"] == "ECOSYSTEM"]
        if any(_in_range(events, found) for events in ranges):
            return True
    return False


def _in_range(events: Iterable[Mapping[str, Any]], version: Version) -> bool:
    """Follow the events in the order of their versions: the last one that is not later than `version` decides."""
    told = [(Version(str(at)), kind) for event in events for kind, at in event.items()]
    inside = False
    for at, kind in sorted(told, key=lambda each: each[0]):
        if kind == "introduced" and at <= version:
            inside = True
        elif (kind == "fixed" and at <= version) or (kind == "last_affected" and at < version):
            inside = False
    return inside


def audit(folder: Path, pinned: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each advisory about what is pinned; withdrawn ones are left out."""
    for name, version in sorted(pinned.items()):
        for path in sorted((folder / "vulns" / name).glob("*.yaml")):
            advisory = yaml.safe_load(path.read_text(encoding="utf-8"))
            if not advisory.get("withdrawn") and affects(advisory, name, version):
                yield f"{name} {version}: {advisory['id']} {', '.join(advisory.get('aliases', ()))}"


def main() -> int:
    """Audit; return 0 if nothing is known, 1 if something is, 2 if there is no database."""
    options = argparse.ArgumentParser(prog="python -m tests.packaging.audit", description=__doc__)
    options.add_argument("--advisories", type=Path, help=f"a checkout of {DATABASE}; without it, it is cloned")
    given: Path | None = options.parse_args().advisories
    with tempfile.TemporaryDirectory() as scratch:
        folder = given or Path(scratch) / "advisories"
        if given is None:
            clone = ["git", "clone", "--quiet", "--depth=1", DATABASE, str(folder)]
            subprocess.run(clone, check=False)
        if not (folder / "vulns").is_dir():
            print(f"NOT AUDITED: there are no advisories in {folder}; {DATABASE} could not be reached", file=sys.stderr)
            return 2
        asked = ["git", "-C", str(folder), "log", "-1", "--format=%cs"]
        newest = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
        pinned = pins((ROOT / name).read_text(encoding="utf-8") for name in FILES)
        found = list(audit(folder, pinned))
    print(*found, f"{len(pinned)} pins, {len(found)} advisories; the database is of {newest}", sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
