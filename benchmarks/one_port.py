"""`python -m benchmarks.one_port serve FLAGS`: `headroom serve FLAGS` on a port that other replicas share.

The kernel distributes connections among them, as a node's kernel does for a Service, so that no load balancer is part
of the measurement.
"""

import socket

from webhook.cli import main as cli
from webhook.http import listeners


def main() -> None:
    """Serve until stopped."""
    listeners.listen = _listen_beside_others
    cli.main()


def _listen_beside_others(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), backlog=1024, reuse_port=True)
    listener.setblocking(False)
    return listener


if __name__ == "__main__":
    main()
