"""Serve the application on this machine, for a look at it: `python -m demo [--port 8080]`."""

import argparse

from demo.app import create_app


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="Serve the memory monster on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on, 0 for any (default: %(default)s)")
    options = parser.parse_args()
    create_app().run(host=options.host, port=options.port, threaded=True)


if __name__ == "__main__":
    main()
