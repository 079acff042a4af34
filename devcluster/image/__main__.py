"""`python -m devcluster.image`: builds the container image without Docker, with its SBOM and its provenance."""

import argparse
import sys
from pathlib import Path

from devcluster.image.build import CHECKOUT, Wanted, build, write
from devcluster.image.buildah import ImageError
from image.dependencies import ARCHITECTURES


def main() -> int:
    """Build, write the files, and print one line about each."""
    usual = Wanted()
    parser = argparse.ArgumentParser(prog="python -m devcluster.image", description=__doc__.partition(": ")[2])
    parser.add_argument("--name", default=usual.name, help="the image's name (%(default)s)")
    parser.add_argument(
        "--base", help="its base, such as docker.io/library/python:3.11-slim-bookworm; made here if none"
    )
    parser.add_argument("--arch", default=usual.architecture, choices=sorted(ARCHITECTURES), help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=CHECKOUT / ".local" / "image", help="where the files go")
    given = parser.parse_args()
    if given.arch != usual.architecture and given.base is None:
        parser.error(f"--arch {given.arch} needs --base: a base of another architecture cannot be made here")
    try:
        built = build(Wanted(given.name, given.base, given.arch))
        files = write(built, given.output)
    except ImageError as error:
        print(error, file=sys.stderr)
        return 1
    print(built.line)
    for file in files:
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
