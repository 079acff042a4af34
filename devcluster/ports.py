"""Free ports on loopback that stay free until they are used, and again after a restart."""

import random
import socket

# Below what Linux hands out by itself (32768 and up): there, an outgoing connection could take the port of a server
# that has not started yet, or that a test has stopped for a moment.
RANGE = range(20000, 32768)
TRIES = 100

_drawn: set[int] = set()  # what one server was promised is not for the next, though nobody listens there yet


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on; drawn at random, so that two processes that look at once find different ones."""
    draw = random.SystemRandom()
    for _ in range(TRIES):
        port = draw.choice(RANGE)
        if port in _drawn:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _drawn.add(port)
        return port
    raise OSError(f"no free port between {RANGE.start} and {RANGE.stop} after {TRIES} tries: what listens there?")
