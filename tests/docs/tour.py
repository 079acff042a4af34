"""All pages in one go: README.md on a fresh clone, others on the cluster that it brings up, and the installation."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from devcluster.local import Local
from devcluster.ports import free_port
from devcluster.processes import until
from tests.docs import following
from tests.docs.blocks import Command
from tests.docs.clone import CHECKOUT, CLONING, Origin, clone
from tests.docs.demonstration import demo
from tests.docs.following import Follower
from tests.docs.shell import Shell
from tests.docs.standing_in import StandIn

README = "README.md"
INSTALL = "docs/install.md"
ALL = (README, "demo/README.md", *sorted(f"docs/{each.name}" for each in (CHECKOUT / "docs").glob("*.md")))
# What these show is seen where Headroom is installed, before INSTALL opens the gate.
ON_THE_INSTALLATION = tuple(
    page for page in ("docs/audit.md", "docs/trial.md", "docs/runbooks.md", "docs/emergency.md") if page in ALL
)
# Whatever other page has commands is followed on the cluster that README.md brings up, empty, before it is ended.
ON_THAT_CLUSTER = tuple(
    page
    for page in ALL
    if page not in {README, INSTALL, *ON_THE_INSTALLATION} and following.commands(CHECKOUT / page, to_run=True)
)
PAGES = (README, *ON_THAT_CLUSTER, INSTALL, *ON_THE_INSTALLATION)
SPECIAL = {CLONING: clone, "make demo": demo}
ENDS = "make down"
OPENS = "kubectl delete validatingwebhookconfiguration headroom"
EDITOR = "sed -i 's/requests: 80%/requests: 85%/'"  # what an operator does in an editor
TIDY = (
    "kubectl delete deployments,statefulsets,daemonsets,cronjobs,jobs,pods --all --namespace=default",
    "kubectl apply --server-side --force-conflicts -f manifests/base/config.yaml",
)


SECONDS = 120.0  # for controllers that are gone to be missed, which takes 10 s


class Tour:
    """Follows pages; `problems` has what went otherwise on each. With `write`, the pages show what is printed now."""

    def __init__(self, work: Path, *, write: bool = False) -> None:
        self._origin, self._work, self._write = Origin(work), work, write
        self.problems: dict[str, list[str]] = {}
        self.spent: list[tuple[float, str]] = []  # seconds, and on which command

    def readme(self, pages: Sequence[str] = ON_THAT_CLUSTER) -> None:
        """README.md up to `make down`, the pages that its cluster is good for, and the rest of README.md."""
        follower = self._follower(self._origin.reader(self._work / "reader"))
        with self._within(README, follower, ENDS):
            for page in pages:
                self._tidy(follower.shell.copy())
                port = str(free_port())  # of the demonstration application, which nothing else is to have
                filled = {"--port 8080": f"--port {port}", "127.0.0.1:8080": f"127.0.0.1:{port}"}
                self._follow(page, self._follower(follower.shell.copy(), filled=filled))

    def installation(self, pages: Sequence[str] = ON_THE_INSTALLATION) -> None:
        """docs/install.md, from a cluster without Headroom back to one; in between, the pages that need one with it."""
        with StandIn(self._work / "cluster") as cluster:
            cluster.plane.kubectl("apply", "-k", CHECKOUT / "demo/manifests/base")
            cluster.plane.kubectl("create", "namespace", "monitoring")
            port = free_port()
            filled = {
                "deployment/headroom 8080": f"deployment/headroom {port}:8080",
                "localhost:8080": f"localhost:{port}",
                "drain NODE": "drain node-3",
                "uncordon NODE": "uncordon node-3",
                "deployment NAME --namespace NAMESPACE": "deployment demo --namespace demo",
            }
            variables = {"KUBECONFIG": str(cluster.plane.kubeconfig), "KUBE_EDITOR": EDITOR}
            shell = self._origin.reader(self._work / "operator", **variables)
            follower = self._follower(shell, cluster.after, filled)
            with self._within(INSTALL, follower, OPENS):
                for page in pages:
                    self._follow(page, self._follower(shell.copy(), cluster.after, filled))

    @contextmanager
    def _within(self, page: str, follower: Follower, last: str) -> Iterator[None]:
        """Follow a page up to that command; the rest of it comes behind what is done meanwhile."""
        text, steps = (CHECKOUT / page).read_text(), following.steps_of(CHECKOUT / page)
        end = next(n for n, step in enumerate(steps) if isinstance(step, Command) and step.text == last)
        problems: list[str] = []
        try:
            problems += follower.follow(steps[:end])
            yield
        finally:
            self.problems[page] = problems + follower.follow(steps[end:])
            follower.shell.end_background()
            for state in self._work.glob("*/*/.local*"):  # where `make down` could not
                Local(state).journal.end()
        self._keep(page, text, follower)

    def _follow(self, page: str, follower: Follower) -> None:
        text = (CHECKOUT / page).read_text()
        self.problems[page] = follower.follow(following.steps_of(CHECKOUT / page))
        follower.shell.end_background()
        self._keep(page, text, follower)

    @staticmethod
    def _tidy(shell: Shell) -> None:
        """Have nothing on the cluster but Headroom, as it ships, and nobody who waits."""
        for command in TIDY:
            _must(shell, command)
        until(lambda: not _waiting(shell), "nobody who waits for room", SECONDS)
        _must(shell, TIDY[0])

    def _follower(
        self, shell: Shell, after: Callable[[], None] = following.nothing, filled: Mapping[str, str] | None = None
    ) -> Follower:
        return Follower(shell, after=after, special=SPECIAL, filled=filled, write=self._write)

    def _keep(self, page: str, text: str, follower: Follower) -> None:
        self.spent += follower.spent
        if self._write and (CHECKOUT / page).read_text() != text:
            self.problems[page].append("was edited meanwhile, and is left as it is")
        elif self._write:
            (CHECKOUT / page).write_text(follower.written(text))


def _waiting(shell: Shell) -> bool:
    """Say whether anybody is blocked; a refused pod without a controller is not, once a pod of its name is there."""
    rows = json.loads(shell.run("headroom blocked -o json").printed)["items"]
    for row in rows:
        if row["kind"] == "Pod":
            shell.run(f"kubectl run {row['name']} --namespace={row['namespace']} --image=registry.example.com/none")
    return bool(rows)


def _must(shell: Shell, command: str) -> None:
    done = shell.run(command)
    if done.code != 0:
        raise RuntimeError(f"{command}: {done.printed}")
