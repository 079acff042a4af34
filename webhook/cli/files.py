"""Manifests from files, folders and standard input, as one text."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

STDIN = "-"
_SUFFIXES = {".yaml", ".yml", ".json"}


def files(source: Path, *, recursive: bool) -> Iterator[Path]:
    """Yield the file itself, or the manifests in a folder, sorted by name."""
    if not source.is_dir() or str(source) == STDIN:
        yield source
        return
    inside = source.rglob("*") if recursive else source.glob("*")
    yield from sorted(path for path in inside if path.suffix in _SUFFIXES and path.is_file())


def read(path: Path) -> bytes:
    """Return what a file holds, or standard input for `-`; raises `UsageError`."""
    if str(path) == STDIN:
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be read: {error.strerror}") from error


def text_of(sources: tuple[Path, ...], *, recursive: bool) -> str:
    """Return all manifests as one text with several documents."""
    found = [read(path) for source in sources for path in files(source, recursive=recursive)]
    return "\n---\n".join(each.decode(errors="replace") for each in found)


def lines_of(source: Path) -> Iterator[bytes]:
    """Yield the lines of a file, or of standard input for `-`; raises `UsageError`."""
    if str(source) == STDIN:
        yield from sys.stdin.buffer
        return
    try:
        with source.open("rb") as file:
            yield from file
    except OSError as error:
        raise click.UsageError(f"{source}: cannot be read: {error.strerror}") from error
