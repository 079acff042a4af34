"""`python -m tests.stress [PYTEST ARGUMENTS]`: every storm at full length, and the table of what was seen."""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main([str(Path(__file__).parent), "--storm-full", "-p", "no:randomly", *sys.argv[1:]]))
