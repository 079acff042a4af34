"""`python -m tests.docs --write`: have the pages show what their commands print now, or only say what is otherwise."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.docs.tour import INSTALL, ON_THAT_CLUSTER, ON_THE_INSTALLATION, PAGES, Tour

SLOWEST = 12  # commands that are shown with the time they took


def main() -> int:
    """Follow the pages that are named, or all; 1 if something went otherwise that is not written now."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs", description=__doc__.partition(": ")[2])
    parser.add_argument("--write", action="store_true", help="write what is printed into the pages")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="such as docs/events.md (default: all)")
    options = parser.parse_args()
    pages = options.pages or PAGES
    installed = [page for page in ON_THE_INSTALLATION if page in pages]
    with tempfile.TemporaryDirectory(prefix="headroom-docs-") as work:
        tour = Tour(Path(work), write=options.write)
        if set(pages) - {INSTALL, *installed}:
            tour.readme([page for page in ON_THAT_CLUSTER if page in pages])
        if INSTALL in pages or installed:
            tour.installation(installed)
    for page, problems in tour.problems.items():
        for problem in problems:
            print(f"{page}: {problem}\n")
    for seconds, command in sorted(tour.spent, reverse=True)[:SLOWEST]:
        print(f"{seconds:6.1f} s  {command.splitlines()[0]}")
    return int(any(tour.problems.values()))


if __name__ == "__main__":
    sys.exit(main())
