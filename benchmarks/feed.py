"""Feed: a small API server that serves any number of invented pods, and a Headroom that watches it."""

import json
import ssl
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.account import CONFIG
from benchmarks.load import DATA
from benchmarks.rivals import Files, Headroom
from devcluster import kubeconfig
from devcluster.binaries import binary
from devcluster.components import LOOPBACK
from devcluster.ports import free_port
from devcluster.processes import Program
from devcluster.replicas import NAMESPACE, issue_certificates

START_SECONDS = 30.0


class Feed:
    """The server, for a `with` statement; it keeps all its files below `work`."""

    def __init__(self, work: Path, pods: int, nodes: int) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.pods, self.nodes = pods, nodes
        self._work = work
        self.url = f"https://{LOOPBACK}:{free_port()}"
        made = work / "certificates"
        self.files = Files(work, made / "tls.crt", made / "tls.key", made / "ca.crt", work / "feed.kubeconfig")
        self._program: Program | None = None

    def __enter__(self) -> Self:
        issue_certificates(self._work / "certificates")
        self._context = ssl.create_default_context(cafile=str(self.files.ca_file))
        address = kubeconfig.address(self.url, self.files.ca_file)
        kubeconfig.write(self.files.kubeconfig, address, user="bench", token="bench")
        command: list[str | Path] = [
            *(binary("load"), "feed", "--listen", self.url.removeprefix("https://"), *self.files.tls_flags),
            *("--pod", DATA / "pod.json", "--node", DATA / "node.json"),
            *("--pods", str(self.pods), "--nodes", str(self.nodes)),
        ]
        self._program = Program("feed", command, self._work / "feed.log")
        self._program.until(self._answers, "the start of the feed", START_SECONDS)
        config = {"metadata": {"name": "headroom-config"}, "data": {"config.yaml": CONFIG}}
        self.post(f"/api/v1/namespaces/{NAMESPACE}/configmaps", json.dumps(config).encode())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._program is not None:
            self._program.kill()

    def storm(self, events: int, kind: str) -> None:
        """Make `events` changes; return once all of them have been sent to every watch."""
        self.post(f"/bench/storm?events={events}&kind={kind}", b"")

    def show(self, names: Iterable[str]) -> None:
        """Show the pods of replayed reviews from now on, for 2 s or until `clear`."""
        self.post("/bench/pods", "".join(f"{name} {name}-pod\n" for name in names).encode())

    def clear(self) -> None:
        """Delete all pods of replayed reviews at once."""
        self._open(urllib.request.Request(f"{self.url}/bench/pods", method="DELETE"))  # noqa: S310 - it is https

    def end_turn(self, replica: Headroom) -> None:
        """Let a replica see the last of these pods and then their deletion, so that its next turn is free of that."""
        replica.resume()
        self.clear()
        replica.resume()

    def post(self, path: str, body: bytes) -> bytes:
        """Send a request."""
        return self._open(urllib.request.Request(self.url + path, body, method="POST"))  # noqa: S310 - as above

    @contextmanager
    def headroom(self, name: str = "headroom", *extra: str | Path) -> Iterator[Headroom]:
        """Run a replica that watches this feed."""
        replica = Headroom(name, self.files, extra=extra)
        replica.start()
        try:
            yield replica
        finally:
            replica.stop()

    def _answers(self) -> bool:
        try:
            return bool(self._open(urllib.request.Request(f"{self.url}/api/v1/nodes?limit=1")))  # noqa: S310 - as above
        except OSError:
            return False

    def _open(self, request: urllib.request.Request) -> bytes:
        with urllib.request.urlopen(request, timeout=300, context=self._context) as answer:  # noqa: S310 - as above
            body: bytes = answer.read()
            return body
