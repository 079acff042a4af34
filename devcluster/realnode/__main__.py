"""`python -m devcluster.realnode`: what this machine lacks for real nodes; puts back what a run left that died."""

import argparse
import sys
from collections.abc import Sequence

from devcluster.realnode import checks
from devcluster.realnode.changes import Changes
from devcluster.realnode.cluster import LOCK
from devcluster.store import only_one


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 1 if this machine cannot have real nodes."""
    parser = argparse.ArgumentParser(prog="python -m devcluster.realnode", description=__doc__.partition(": ")[2])
    parser.add_argument("command", choices=("check", "restore"))
    return _check() if parser.parse_args(argv).command == "check" else _restore()


def _check() -> int:
    try:
        checks.check()
    except checks.MissingError as error:
        print(error, file=sys.stderr)
        return 1
    print("this machine can have real nodes")
    return 0


def _restore() -> int:
    with only_one(LOCK):
        undone = Changes().put_back()
    print("\n".join(f"put back: {each}" for each in undone) or "nothing was left to put back")
    return 0


if __name__ == "__main__":
    sys.exit(main())
