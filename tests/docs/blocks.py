"""What a page asks its reader to do: the files it gives and the commands it shows, in their order."""

import re
import shlex
from collections.abc import Iterator
from textwrap import dedent
from typing import NamedTuple

_FENCE = re.compile(r"^( *)```([a-z]*)$")
_FILE = re.compile(r"^# ([\w./~-]+\.(?:yaml|json|ext))$")
_INLINE = re.compile(r"`((?:\.venv/bin/)?(?:kubectl|headroom|make|python|docker|git|pip|curl) [^`]+)`")
COMMANDS, SHOWN = "sh", "console"
LANGUAGES = frozenset({COMMANDS, SHOWN, "yaml", "json", "text", "promql"})


class Block(NamedTuple):
    """A fenced block; `first` is the number of its first line inside the fence, counted from 0."""

    language: str
    first: int
    indent: int
    lines: list[str]


class File(NamedTuple):
    """A file that the page gives."""

    line: int
    name: str
    text: str


class Command(NamedTuple):
    """A command, the lines that are shown below it (None: nothing is shown of any), and where these stand."""

    line: int
    text: str
    shown: list[str] | None
    at: slice
    indent: int


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page. ValueError for a fence that is not closed, or has no language that is known."""
    found, inside = [], None
    for number, line in enumerate(page.splitlines()):
        fence = _FENCE.match(line)
        if inside is None and fence:
            if fence[2] not in LANGUAGES:
                raise ValueError(f"line {number + 1}: a block of {', '.join(sorted(LANGUAGES))} is expected")
            inside = Block(fence[2], number + 1, len(fence[1]), [])
        elif inside is not None and line.strip() == "```":
            found.append(inside)
            inside = None
        elif inside is not None:
            inside.lines.append(line[inside.indent :])
        elif line.lstrip().startswith("```"):
            raise ValueError(f"line {number + 1}: a fence is ``` and one word")
    if inside is not None:
        raise ValueError(f"line {inside.first}: this block is not closed")
    return found


def steps(page: str) -> list[File | Command]:
    """The files and commands of a page, in their order."""
    found: list[File | Command] = []
    for block in blocks(page):
        if block.language in {COMMANDS, SHOWN}:
            found += _commands(block)
        elif block.lines and (name := _FILE.match(block.lines[0])):
            found.append(File(block.first + 1, name[1], dedent("\n".join(block.lines)) + "\n"))
    return found


def inline(page: str) -> list[str]:
    """What looks like a command in the running text."""
    text = "\n".join(outside(page))
    return [" ".join(each.split()) for each in _INLINE.findall(text)]


def indented(page: str) -> list[str]:
    """Lines of blocks that are made by indentation, which nobody would run here."""
    lines = list(outside(page))
    return [line for before, line in zip(["", *lines], lines, strict=False) if not before and line.startswith("    ")]


def outside(page: str) -> Iterator[str]:
    """The lines of a page that are in no fenced block."""
    lines = page.splitlines()
    within = {n for each in blocks(page) for n in range(each.first - 1, each.first + len(each.lines) + 1)}
    return (line for number, line in enumerate(lines) if number not in within)


def _unfinished(command: str) -> bool:
    """Whether a shell would wait for the next line."""
    if command.endswith(("\\", "|", "&&")):
        return True
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quotation that is open
        return True
    return False


def _commands(block: Block) -> Iterator[Command]:
    number, lines = 0, block.lines
    while number < len(lines):
        begin, text = number, lines[number]
        number += 1
        if block.language == COMMANDS and (not text.strip() or text.startswith("#")):
            continue
        if block.language == SHOWN:
            if not text.startswith("$ "):
                raise ValueError(f"line {block.first + begin + 1}: `$ ` and a command must come before {text!r}")
            text = text[2:]
        while _unfinished(text) and number < len(lines):
            text, number = f"{text}\n{lines[number]}", number + 1
        shown = number
        while block.language == SHOWN and number < len(lines) and not lines[number].startswith("$ "):
            number += 1
        at = slice(block.first + shown, block.first + number)
        yield Command(
            block.first + begin + 1, text, None if block.language == COMMANDS else lines[shown:number], at, block.indent
        )
