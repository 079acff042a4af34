"""What was taken and is free goes back to the system."""

import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path
from webhook.http import memory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

set_ = memory.give_back_what_is_free() if {set} else True
large = bytearray(b"x") * 30_000_000
del large  # from now on the C library would take blocks of this size from its heap
blocks, kept = [], []
for _ in range(200):
    blocks.append(bytearray(b"x") * 300_000)
    kept.append(bytearray(b"x") * 1_000)
high = resident()
blocks.clear()
print(set_, (high - resident()) * 1024 > 50_000_000)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library of Linux")
def test_large_blocks_that_are_free_are_given_back_whatever_lies_behind_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{set}", "True")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True True\n"
