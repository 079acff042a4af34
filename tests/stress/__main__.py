"""`python -m tests.stress [PYTEST ARGUMENTS]`: every storm at full length, and the table of what was seen.

So are questions about a cluster, and whether the answers come true (`-k questions`: these alone).
"""

import sys
from pathlib import Path

import pytest

STORMS = Path(__file__).parent
QUESTIONS = STORMS.parent / "e2e" / "test_questions.py"

if __name__ == "__main__":
    sys.exit(pytest.main([str(STORMS), str(QUESTIONS), "--storm-full", "-p", "no:randomly", *sys.argv[1:]]))
