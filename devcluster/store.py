"""The folder outside the checkout that keeps what is built or fetched once."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def store() -> Path:
    """The folder, below XDG_CACHE_HOME or ~/.cache; creates it if it does not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "headroom"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def only_one(what: str) -> Iterator[None]:
    """Hold the lock named `what`, across processes; the kernel releases it if the holder dies."""
    with (store() / f"{what}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{what} is being made by another process; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
