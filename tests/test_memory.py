"""What was taken and is free goes back to the system."""

import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path
from webhook import memory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

set_ = memory.give_back_what_is_free() if {set} else True
blocks, kept = [], []
for size in range(200_000, 400_000, 1_000):
    blocks.append(bytearray(b"x") * size)
    kept.append(bytearray(b"x") * 100)
    blocks.pop(0) if size < 201_000 else None
high = resident()
blocks.clear()
print(set_, (high - resident()) / (high or 1) > 0.4)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library of Linux")
def test_large_blocks_that_are_free_are_given_back_whatever_lies_behind_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{set}", "True")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True True\n"
