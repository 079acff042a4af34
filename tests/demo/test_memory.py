import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo.memory import resident_bytes, take
from demo.settings import MIB
from devcluster.processes import until
from tests.demo.serving import PYTHON_DEMO, container_command, served


def resident(pid: int) -> int:
    """Resident bytes of a process, as the kernel says (proc(5), statm: size, resident, shared... in pages)."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


def anonymous(pid: int) -> int:
    """Those of them that are in no file: the kernel may drop pages of files at any time, and read them again."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGESIZE")


def test_what_is_taken_is_resident_until_it_is_closed() -> None:
    before = anonymous(os.getpid())
    block = take(48 * MIB)
    taken = anonymous(os.getpid()) - before
    block.close()
    left = anonymous(os.getpid()) - before
    # Whatever else runs in this process (another test's thread) moves by less than a few MiB meanwhile.
    assert taken == pytest.approx(48 * MIB, abs=4 * MIB)
    assert left == pytest.approx(0, abs=4 * MIB)


def test_resident_memory_is_what_the_kernel_says_and_unknown_where_it_says_nothing(tmp_path: Path) -> None:
    pid = os.getpid()
    until(lambda: abs((resident_bytes() or 0) - resident(pid)) < 2 * MIB, "a moment in which nothing changes", 30.0)
    assert resident_bytes(tmp_path / "no-such-file") is None


def test_the_process_grows_when_fed_and_shrinks_again_by_itself() -> None:
    with served(PYTHON_DEMO, {"DEMO_STEP_MIB": "16", "DEMO_CAP_MIB": "96"}) as demo:
        demo.ask("/")
        before = anonymous(demo.pid)
        demo.ask("/hungry?steps=4&seconds=6")
        assert anonymous(demo.pid) - before == pytest.approx(64 * MIB, abs=6 * MIB)
        deadline = time.monotonic() + 60
        while anonymous(demo.pid) - before > 6 * MIB and time.monotonic() < deadline:
            time.sleep(0.05)  # nobody asks it anything meanwhile
        assert anonymous(demo.pid) - before < 6 * MIB


def test_full_it_stays_below_the_containers_limit() -> None:
    """The image's own command, with the settings of the base, fed by everybody at once."""
    with served(container_command(), {"DEMO_LIMIT_MIB": "256"}) as demo:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(demo.ask, ["/hungry?steps=8"] * 16))
        told = demo.ask("/")
        assert told["full"]
        assert told["heldBytes"] == 128 * MIB
        assert 128 * MIB < told["residentBytes"] < 192 * MIB < told["limitBytes"]
        assert demo.ask("/release", method="POST")["releasedBytes"] == 128 * MIB
        assert demo.ask("/")["residentBytes"] < 64 * MIB
