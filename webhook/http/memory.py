"""Memory that is free goes back to the system, so that what a flood took does not stay."""

import ctypes

# mallopt(3), of the GNU C library.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_SETTINGS = {
    # By itself it rises to 32 MiB with the first large block that is freed, and blocks below it are cut from a heap
    # that shrinks only at its end.
    _MMAP_THRESHOLD: 128 << 10,
    _TRIM_THRESHOLD: 128 << 10,
    # By itself eight for each processor, each with blocks that no other uses. Python's threads take turns.
    _ARENA_MAX: 2,
}


def give_back_what_is_free() -> bool:
    """Set the C library's allocator so; say whether it could be. Before any thread starts."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl's has neither this nor the habits
        return False
    done = [int(mallopt(setting, value)) for setting, value in _SETTINGS.items()]
    return all(done)
