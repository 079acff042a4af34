"""All pages in one go: README.md on a fresh clone, others on the cluster that it brings up, and the installation."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.cluster.ports import free_port
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
# Whatever other page has commands is followed on the cluster that README.md brings up, empty, before it is ended.
ON_THAT_CLUSTER = tuple(
    page for page in ALL if page not in {README, INSTALL} and following.commands(CHECKOUT / page, to_run=True)
)
PAGES = (README, *ON_THAT_CLUSTER, INSTALL)
SPECIAL = {CLONING: clone, "make demo": demo}
ENDS = "make down"
TIDY = (
    "kubectl delete deployments,statefulsets,daemonsets,cronjobs,jobs,pods --all --namespace=default",
    "kubectl apply --server-side --force-conflicts -f manifests/base/config.yaml",
)


class Tour:
    """Follows pages; `problems` has what went otherwise on each. With `write`, the pages show what is printed now."""

    def __init__(self, work: Path, *, write: bool = False) -> None:
        self._origin, self._work, self._write = Origin(work), work, write
        self.problems: dict[str, list[str]] = {}
        self.spent: list[tuple[float, str]] = []  # seconds, and on which command

    def readme(self, pages: tuple[str, ...] = ON_THAT_CLUSTER) -> None:
        """README.md up to `make down`, the pages that its cluster is good for, and the rest of README.md."""
        follower = self._follower(self._origin.reader(self._work / "reader"))
        steps = following.steps_of(CHECKOUT / README)
        end = next(n for n, step in enumerate(steps) if isinstance(step, Command) and step.text == ENDS)
        problems = follower.follow(steps[:end])
        try:
            for page in pages if not problems else ():
                self._on_that_cluster(page, follower.shell.copy())
        finally:
            self.problems[README] = problems + follower.follow(steps[end:])
        self._keep(README, follower)

    def installation(self) -> None:
        """docs/install.md, from a cluster without Headroom back to one."""
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
            variables = {
                "KUBECONFIG": str(cluster.plane.kubeconfig),
                "KUBE_EDITOR": "sed -i 's/requests: 80%/requests: 85%/'",
            }
            shell = self._origin.reader(self._work / "operator", **variables)
            self._follow(INSTALL, self._follower(shell, cluster.after, filled))

    def _on_that_cluster(self, page: str, shell: Shell) -> None:
        for command in TIDY:
            done = shell.run(command)
            if done.code != 0:
                raise RuntimeError(f"{command}: {done.printed}")
        port = str(free_port())  # of the demonstration application, which nothing else is to have
        self._follow(
            page, self._follower(shell, filled={"--port 8080": f"--port {port}", "127.0.0.1:8080": f"127.0.0.1:{port}"})
        )

    def _follow(self, page: str, follower: Follower) -> None:
        self.problems[page] = follower.follow(following.steps_of(CHECKOUT / page))
        follower.shell.end_background()
        self._keep(page, follower)

    def _follower(
        self, shell: Shell, after: Callable[[], None] = following.nothing, filled: Mapping[str, str] | None = None
    ) -> Follower:
        return Follower(shell, after=after, special=SPECIAL, filled=filled, write=self._write)

    def _keep(self, page: str, follower: Follower) -> None:
        self.spent += follower.spent
        if self._write:
            path = CHECKOUT / page
            path.write_text(follower.written(path.read_text()))
