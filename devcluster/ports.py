"""Chooses free ports on loopback that stay free until they are used, also while a server restarts."""

import random
import socket

# Below the ports that Linux gives to outgoing connections (32768 and above). Such a connection could take the port of a
# server that has not started yet, or that a test has stopped for a moment.
RANGE = range(20000, 32768)
TRIES = 100

_drawn: set[int] = set()  # ports given to servers that may not listen yet: they are not given again


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which no process listens; random, so that two processes that choose at once get different ones."""
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
