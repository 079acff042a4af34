"""Fuzzes one target in this process until libFuzzer ends it: python -m tests.fuzz.one TARGET [libFuzzer's options]."""

import logging
import sys

import atheris

from tests.fuzz import targets


def main() -> None:
    """Instrument the webhook's code while the target imports it, and begin."""
    name = sys.argv[1]
    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=["webhook", "tests.fuzz.targets.broken"]):
        target = targets.load(name)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
