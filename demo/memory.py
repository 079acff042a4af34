"""Real memory: taken from the operating system, given back to it, and measured."""

import mmap
from pathlib import Path


def take(size: int) -> mmap.mmap:
    """Return `size` bytes that are resident; `close()` gives them back at once.

    A private anonymous mapping rather than a `bytearray`: the allocator may keep a freed `bytearray` for later, an
    unmapped page is gone. A page costs memory only once it is written, so each is written.
    """
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for offset in range(0, size, mmap.PAGESIZE):
        block[offset] = 1
    return block


def resident_bytes(statm: Path = Path("/proc/self/statm")) -> int | None:
    """Return this process's resident memory in bytes, or None where the kernel does not tell (proc(5), statm)."""
    if not statm.exists():
        return None
    return int(statm.read_text(encoding="ascii").split()[1]) * mmap.PAGESIZE
