"""The application in a process of its own, as a person or a container would start it, on a free loopback port."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PYTHON_DEMO = (sys.executable, "-m", "demo", "--port", "0")

_LISTENING = re.compile(r"(?:Listening at:|Running on) (http://127\.0\.0\.1:\d+)")


def container_command() -> tuple[str, ...]:
    """The very command of the image, with this environment's gunicorn and a loopback address (the last --bind wins)."""
    dockerfile = (ROOT / "demo" / "Dockerfile").read_text(encoding="utf-8")
    (words,) = (json.loads(line.removeprefix("CMD ")) for line in dockerfile.splitlines() if line.startswith("CMD "))
    words[words.index("0.0.0.0:8080")] = "127.0.0.1:0"
    return (str(Path(sys.executable).with_name(words[0])), *words[1:])


@dataclass(frozen=True)
class Served:
    """A running application: its process's id and its address."""

    pid: int
    url: str

    def ask(self, path: str, method: str = "GET") -> dict[str, Any]:
        """Ask for JSON."""
        request = urllib.request.Request(self.url + path, method=method, headers={"Accept": "application/json"})  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - loopback
            answer: dict[str, Any] = json.load(response)
        return answer


@contextmanager
def served(command: tuple[str, ...], settings: Mapping[str, str]) -> Iterator[Served]:
    """Start `command`, wait until it listens, and end it on leaving."""
    environment = {"PATH": os.environ["PATH"], **settings}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if found := _LISTENING.search(line):
                    break
            else:
                raise AssertionError(f"{command} ended before it listened:\n{''.join(said)}")
            watchdog.cancel()
            drain = threading.Thread(target=process.stderr.read)
            drain.start()
            yield Served(process.pid, found[1])
        finally:
            watchdog.cancel()
            process.terminate()
            process.wait(timeout=30)
            watchdog.join()
        drain.join()
