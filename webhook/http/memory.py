"""Returns freed memory to the operating system, so that the process shrinks again after a flood of requests."""

import ctypes

# mallopt(3), of the GNU C library.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_SETTINGS = {
    # By default it grows up to 32 MiB as large blocks are freed. Blocks below the threshold come from a heap that
    # shrinks only at its end.
    _MMAP_THRESHOLD: 128 << 10,
    _TRIM_THRESHOLD: 128 << 10,
    # By default there are eight for each processor, and none reuses the free blocks of another. Two are enough, because
    # Python's threads take turns.
    _ARENA_MAX: 2,
}


def give_back_what_is_free() -> bool:
    """Set the C library's allocator so, and say whether it could be set. Call it before any thread starts."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl has no mallopt, and does not need it
        return False
    done = [int(mallopt(setting, value)) for setting, value in _SETTINGS.items()]
    return all(done)
