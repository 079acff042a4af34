"""The load tests in processes of their own, because Locust patches the standard library of the one it runs in."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.demo.serving import ROOT, Served, container_command, served

HOME = "basic_home_page_test.py"
HUNGER = "basic_hunger_test.py"
LONGER = (3, 15, 60)  # seconds of load: the first do on a machine that is not busy

Answer = tuple[int, bytes]


def load(file: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    locust = Path(sys.executable).with_name("locust")
    return subprocess.run(
        [str(locust), "-f", f"demo/load/{file}", *arguments],
        cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def demo() -> Iterator[Served]:
    with served(container_command(), {"DEMO_LIMIT_MIB": "256", "DEMO_STEP_MIB": "8", "DEMO_CAP_MIB": "64"}) as running:
        yield running


@contextmanager
def answering(answer: Callable[[str], Answer]) -> Iterator[str]:
    """A server that answers any path with what `answer` makes of it; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name is the base class's

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def too_much(path: str) -> Answer:
    """Eats whatever it is given, past its own cap."""
    return 200, json.dumps({"eatenBytes": 1, "stepBytes": 1, "heldBytes": 9, "capBytes": 8}).encode()


@pytest.mark.parametrize("file", [HOME, HUNGER])
def test_it_passes_against_the_application(demo: Served, file: str) -> None:
    done = load(file, "--host", demo.url, "--run-time", "5s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run-time limit reached" in done.stderr


def test_hunger_makes_it_eat_and_leaves_it_hungry(demo: Served) -> None:
    requests = 0
    for seconds in LONGER:
        if requests <= 20:
            done = load(HUNGER, "--host", demo.url, "--run-time", f"{seconds}s", "--json")
            assert done.returncode == 0, done.stdout + done.stderr
            (hungry,) = [row for row in json.loads(done.stdout) if row["name"] == "/hungry"]
            assert hungry["num_failures"] == 0
            requests = hungry["num_requests"]
    assert requests > 20


@pytest.mark.parametrize(
    ("file", "answer", "complaint"),
    [
        (HOME, lambda _path: (500, b"oops"), "500 Server Error"),
        (HUNGER, lambda _path: (500, b"oops"), "500 Server Error"),
        (HUNGER, lambda path: (200 if path == "/" else 503, b"oops"), "503 Server Error"),
        (HOME, lambda _path: (200, b"<html>cut off"), "200 without a whole page"),
        (HUNGER, too_much, "more than its cap"),
    ],
)
def test_it_fails_when_the_application_does(file: str, answer: Callable[[str], Answer], complaint: str) -> None:
    with answering(answer) as url:
        told = ""
        for seconds in LONGER:
            if complaint not in told:
                done = load(file, "--host", url, "--run-time", f"{seconds}s")
                told = done.stdout + done.stderr
                assert done.returncode == 1, told
    assert complaint in told


def test_it_fails_when_nobody_answers() -> None:
    with answering(lambda _path: (200, b"")) as url:
        pass  # the port is free again
    assert load(HOME, "--host", url, "--run-time", "1s").returncode == 1


def test_it_fails_when_it_asked_nothing(demo: Served) -> None:
    assert load(HOME, "--host", demo.url, "--run-time", "1s", "--users", "0").returncode == 1


@pytest.mark.parametrize("file", [HOME, HUNGER])
def test_users_and_time_are_bounded_by_default(file: str) -> None:
    """Locust prints what it would do with the defaults, and does nothing."""
    code = (
        "import sys; sys.argv = ['locust', '-f', sys.argv[1]]\n"
        "from locust.main import merge_locustfiles_content\n"
        "from locust.argument_parser import get_parser\n"
        "merge_locustfiles_content([sys.argv[2]])\n"
        "told = get_parser().parse_args()\n"
        "print(told.headless, told.host, told.num_users, told.run_time)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "demo" / "load" / file)],
        cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "http://127.0.0.1:8080", "8", "20"], done.stderr
