"""Problems of a configuration: where they are, what is wrong, and what would be right."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from webhook.core.values.notation import quoted

_SHOWN = 20  # problems that an error's text lists, about a page; `ConfigError.problems` has them all
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}")


class Problem(NamedTuple):
    """One mistake; the path is empty if the whole text is meant."""

    path: str
    message: str

    def __str__(self) -> str:
        """Return the problem as one line, whatever text was read."""
        return f"{self.path or 'the configuration'}: {self.message}"


class ConfigError(ValueError):
    """The text is not a valid configuration; `problems` has every fault: keys written twice first, then text order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems; there must be at least one."""
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return a line for each problem, up to 20."""
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        left = len(self.problems) - _SHOWN
        return "\n".join([*lines, f"... and {left} more"] if left > 0 else lines)


class Place(NamedTuple):
    """A place in the text, and the list to which the problems found at and below it are added."""

    problems: list[Problem]
    path: str = ""

    def key(self, name: str) -> "Place":
        """Return the place of a key of the mapping here."""
        if not _PLAIN_KEY.fullmatch(name):
            return Place(self.problems, f"{self.path}[{quoted(name)}]")
        return Place(self.problems, f"{self.path}.{name}" if self.path else name)

    def item(self, index: int) -> "Place":
        """Return the place of an item of the list here."""
        return Place(self.problems, f"{self.path}[{index}]")

    def below(self, path: str) -> "Place":
        """Return the place of a path below this one, already written as text; this place for an empty path."""
        return Place(self.problems, f"{self.path}.{path}" if self.path and path else self.path or path)

    def report(self, message: str) -> None:
        """Add a problem; reading goes on."""
        self.problems.append(Problem(self.path, message))

    def error(self, message: str) -> ConfigError:
        """Return the error for a problem after which the rest cannot be read; it holds the problems so far, too."""
        return ConfigError([*self.problems, Problem(self.path, message)])
