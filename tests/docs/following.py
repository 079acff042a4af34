"""Do what a page says, from its first line to its last, and say where it went otherwise."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.docs import blocks, volatile
from tests.docs.blocks import Command, File
from tests.docs.not_run import reason
from tests.docs.shell import Done, Shell

# What only looks may be tried again: controllers take their time, and a reader looks twice as well.
LOOKS = re.compile(r"kubectl( -n \S+)? (get|describe|logs|events)\b|curl -s |make status\b")
PATIENCE = 90.0  # seconds; the machine may be busy
PAUSE = 0.5
SETTLING = 4.0
# A command may fail where the page shows that it does, by what is printed or by a remark behind the command.
FAILURE = re.compile(r"^(Error|error:|The request is invalid)", re.MULTILINE)
ENDS_WITH = re.compile(r"# ends with (\d+)$")

Special = Callable[[Shell], Done]


def nothing() -> None:
    """What is to be done after each command, where nothing is."""


class Follower:
    """Follows pages with one shell.

    `after` is called after each command; `special` has commands that a person would not simply wait for; `filled` says
    what a reader would write in place of words such as NODE. With `write`, what is printed becomes what the page shows.
    """

    def __init__(
        self,
        shell: Shell,
        *,
        after: Callable[[], None] = nothing,
        special: Mapping[str, Special] | None = None,
        filled: Mapping[str, str] | None = None,
        write: bool = False,
    ) -> None:
        self.shell, self.write = shell, write
        self._after, self._special, self._filled = after, special or {}, filled or {}
        self._printed: list[tuple[Command, str]] = []
        self.spent: list[tuple[float, str]] = []

    def follow(self, steps: Sequence[File | Command]) -> list[str]:
        """Do these steps in their order; return what went otherwise, a paragraph each."""
        problems: list[str] = []
        for step in steps:
            if isinstance(step, File):
                self._make(step)
            elif reason(step.text) is None:
                problems += self._problems(step)
        return problems

    def written(self, page: str) -> str:
        """The page with what was printed in place of what it shows, where that means something else."""
        lines = page.splitlines()
        changes = [
            (at, indent, printed)
            for command, printed in self._printed
            if not volatile.same("\n".join(command.shown or ()), printed)
            for at, indent in ((command.at, command.indent), *_quotes(page, command))
        ]
        for at, indent, printed in sorted(changes, key=lambda each: each[0].start, reverse=True):
            lines[at] = [f"{' ' * indent}{line}".rstrip() for line in volatile.wrapped(printed)]
        return "\n".join(lines) + "\n"

    def _make(self, file: File) -> None:
        path = self.shell.folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)

    def _problems(self, command: Command) -> Iterator[str]:
        done = self._run(command)
        self._after()
        said = ENDS_WITH.search(command.text)
        if said and done.code == int(said[1]):
            done = Done(0, done.printed)
        if command.shown is None:
            if done.code != 0:
                yield f"line {command.line}: {command.text}\nended with {done.code}:\n{done.printed}"
            return
        shown = "\n".join(command.shown)
        self._printed.append((command, done.printed))
        if not self.write and not volatile.same(shown, done.printed):
            yield (
                f"line {command.line}: {command.text}\nshown:\n{shown}\nprinted (code {done.code}):\n{done.printed}"
                f"compared as:\n{volatile.settled(shown)}\n{volatile.settled(done.printed)}"
            )
        elif done.code != 0 and not FAILURE.search(done.printed):
            yield f"line {command.line}: {command.text}\nended with {done.code}:\n{done.printed}"

    def _run(self, command: Command) -> Done:
        text = command.text
        for word, value in self._filled.items():
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", value, text)
        began = time.monotonic()
        done = self._special[text](self.shell) if text in self._special else self.shell.run(text)
        self.spent.append((time.monotonic() - began, text))
        if not LOOKS.match(text):
            return done
        deadline = time.monotonic() + PATIENCE
        while not self._enough(command, text, done) and time.monotonic() < deadline:
            time.sleep(PAUSE)
            self._after()
            done = self.shell.run(text)
        self.spent[-1] = (time.monotonic() - began, text)
        return done

    def _enough(self, command: Command, text: str, done: Done) -> bool:
        """Whether to look once is enough: what is seen is what the page shows or, if it is to be written, stays so."""
        if done.code != 0:
            return False
        if command.shown is None or volatile.same("\n".join(command.shown), done.printed):
            return True
        if not self.write:
            return False
        time.sleep(SETTLING)
        return volatile.same(done.printed, self.shell.run(text).printed)


def _quotes(page: str, command: Command) -> list[tuple[slice, int]]:
    """Where the page shows the same once more, as mere text."""
    shown = "\n".join(command.shown or ())
    quoted = [each for each in blocks.blocks(page) if each.language == "text"]
    return [
        (slice(each.first, each.first + len(each.lines)), each.indent)
        for each in quoted
        if volatile.same("\n".join(each.lines), shown)
    ]


def steps_of(page: Path) -> list[File | Command]:
    """The steps of a page; a mistake in its form names the page."""
    try:
        return blocks.steps(page.read_text())
    except ValueError as error:
        raise ValueError(f"{page.name}: {error}") from error


def commands(page: Path, *, to_run: bool = False) -> list[str]:
    """The commands of a page, all or those that are to be run."""
    found = [step.text for step in steps_of(page) if isinstance(step, Command)]
    return [each for each in found if not to_run or reason(each) is None]
