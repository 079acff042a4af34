"""A certificate is exchanged under a Headroom that goes on answering: nobody restarts it, nobody is turned away."""

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from devcluster.processes import until
from devcluster.replicas import CHECKOUT, Replicas
from tests.e2e.peer import Peer
from tests.e2e.pods import asking
from tests.e2e.story import Story

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("control_plane", "room")]

DAY = 24 * 3600.0
SECONDS = 60.0
EXPIRY = "headroom_certificate_expiry_timestamp_seconds"


@pytest.fixture
def peer(replicas: Replicas) -> Peer:
    return Peer(replicas)


@pytest.fixture
def folder(replicas: Replicas) -> Path:
    """Where the certificate, its key and their authority are kept."""
    return replicas.ca_file.parent


def reissue(folder: Path, days: int) -> None:
    """`python -m certs issue --force`, for the names that Headroom is asked by."""
    names = ["--dns", "localhost", "headroom.headroom-system.svc", "--ip", "127.0.0.1"]
    command = [sys.executable, "-m", "certs", "issue", "--force", "--out", str(folder), "--days", str(days), *names]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)


@contextmanager
def repeating(act: Callable[[], object], threads: int) -> Iterator[list[BaseException | None]]:
    """Do it over and over in the background; the list has one entry for each time, None where it went well."""
    stop = threading.Event()
    done: list[BaseException | None] = []

    def repeat() -> None:
        while not stop.is_set():
            try:
                act()
                done.append(None)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test is to see it
                done.append(error)

    workers = [threading.Thread(target=repeat) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield done
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def create(story: Story) -> None:
    """Create a pod as a dry run; raises AssertionError if it is refused."""
    assert story.fits(asking("web", 1))


def expires_in(story: Story, days: int) -> bool:
    """Whether the metrics say that the certificate expires in so many days."""
    expires = story.headroom.exposition().value(EXPIRY)
    return abs(expires - time.time() - days * DAY) < DAY / 2


def test_new_connections_see_a_new_certificate_at_once_and_no_create_fails(
    story: Story, replicas: Replicas, peer: Peer, folder: Path
) -> None:
    story.headroom.configure({"requests": "50%"})
    pid, old = replicas[0].program.pid, peer.certificate()
    creates = repeating(partial(create, story), 2)
    # Its peer trusts the authority alone, so each of these is a handshake that was checked.
    reviews = repeating(lambda: peer.review().response, 2)
    with creates as created, reviews as reviewed:
        for days in (20, 10):
            reissue(folder, days)
            began = time.monotonic()
            shown = old
            until(lambda before=shown: peer.certificate() != before, "the new certificate", SECONDS)  # type: ignore[misc]
            print(f"shown after {time.monotonic() - began:.2f} s")
            old = peer.certificate()
            until(partial(expires_in, story, days), "its expiry in the metrics", SECONDS)
            enough = min(len(created), len(reviewed)) + 6
            until(lambda least=enough: min(len(created), len(reviewed)) >= least, "more of both", SECONDS)  # type: ignore[misc]
    assert replicas[0].program.pid == pid
    replicas[0].program.check()
    assert min(len(created), len(reviewed)) > 10
    assert [error for error in [*created, *reviewed] if error is not None] == []


def test_a_broken_pair_of_files_leaves_the_last_good_certificate_serving_and_is_reported(
    story: Story, peer: Peer, folder: Path
) -> None:
    story.headroom.configure({"requests": "50%"})
    before, said = peer.certificate(), len(story.headroom.log())
    (folder / "tls.crt").write_text("no certificate\n")
    until(lambda: "tls.crt" in story.headroom.log()[said:], "a line about the bad file", SECONDS)
    assert peer.certificate() == before
    story.create(asking("web", 1))
    reissue(folder, 30)
    until(lambda: peer.certificate() != before, "the repaired certificate", SECONDS)
    fingerprint = hashlib.sha256(peer.certificate()).hexdigest().upper()
    until(lambda: fingerprint in story.headroom.log().replace(":", ""), "its fingerprint in the log", SECONDS)
