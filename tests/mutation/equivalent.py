"""Equivalents: faults that change nothing which anybody could notice, each with the reason."""

import tomllib
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("equivalent.toml")


class Equivalent(NamedTuple):
    """A fault by its file, the line of code that it is in, and what it changes there; line numbers move too often."""

    file: str
    code: str
    change: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What a fault is known by."""
        return self.file, self.code, self.change


def read(file: Path = FILE) -> list[Equivalent]:
    """Read the list. Raises ValueError where an entry lacks something, above all a reason."""
    found = []
    for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("equivalent", []):
        if sorted(entry) != sorted(Equivalent._fields) or not all(str(value).strip() for value in entry.values()):
            raise ValueError(f"{file.name}: an entry has {', '.join(Equivalent._fields)}, none of them empty: {entry}")
        found.append(Equivalent(**entry))
    return found
