"""`make demo`: a real API server refuses a pod because of Headroom, told step by step to whoever watches.

It brings up a small cluster, applies the demonstration application, scales it from 2 to 6 and then past the bound, and
shows the refusal, the audit line and the account. Every step is checked: the story ends with exit code 1 if anything
went otherwise. At a terminal the cluster stays up until Ctrl-C.
"""

import json
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import urllib3
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from devcluster import binaries, report
from devcluster.cluster import Cluster
from devcluster.local import Local, Settings

CHECKOUT = Path(__file__).parents[1]
MANIFESTS = CHECKOUT / "demo/manifests"
CLUSTER = Settings(nodes=3, node_memory="1Gi", node_cpu="4")
WANTED = 20
FITS = 12  # 3 nodes of 1Gi: limits may reach 100 %, that is 3Gi, and each pod's limit is 256Mi
RAISED = 18  # limits at 150 % are 4.5Gi; requests may reach 75 %, that is 2.25Gi: 18 of 128Mi each, and 18 of 256Mi
TOUCH = 'kubectl -n demo annotate deployment demo --overwrite headroom.internal/retry="$(date +%s)"'
PATIENCE = 60.0  # seconds for controllers to do their part
_BAR = 24
_SHOWN = (
    *("ts", "decision", "reason", "user", "namespace", "name"),
    *("asked_limits_bytes", "committed_limits_bytes", "bound_limits_bytes", "short_by_limits_bytes"),
    *("short_sums", "top_owner_kind", "top_owner_name"),
)


class OtherwiseError(Exception):
    """Something in the story went otherwise."""


class Story:
    """The steps, in their order; each says what it shows and raises `OtherwiseError` if it does not."""

    def __init__(self, local: Local, console: Console) -> None:
        self._local = local
        self._cluster = Cluster(local.kubeconfig)
        self._console = console
        self._steps = 0

    def tell(self) -> None:
        """Tell it from beginning to end."""
        self._say("The demonstration application is applied: 2 pods, 128Mi requested and 256Mi limit each")
        self._run("apply", "-k", MANIFESTS / "base")
        self._await_pods(2)
        self._say("More visitors: 2 → 6")
        self._run("apply", "-k", MANIFESTS / "overlays/hungry")
        self._await_pods(6)
        self._account()
        self._say(f"Far too many: 6 → {WANTED}. Kubernetes alone would promise 5Gi on nodes that have 3Gi")
        said = self._run("-n", "demo", "scale", "deployment", "demo", f"--replicas={WANTED}")
        if f"{FITS} of {WANTED}" not in said:
            raise OtherwiseError(f"kubectl scale did not say that {FITS} of {WANTED} fit: {said}")
        self._await_pods(FITS)
        self._refusal_in_events()
        self._account()
        self._refusal_at_apply()
        self._audit_line()
        self._say("The platform team raises the threshold of limits to 150 %: an edit of the ConfigMap, no restart")
        self._raise_threshold()
        self._await_pods(RAISED)
        self._account()

    def _say(self, text: str) -> None:
        self._steps += 1
        self._console.print(f"\n[bold]{self._steps}. {text}[/bold]")

    def _quote(self, text: str, style: str = "") -> None:
        width = max(60, min(self._console.width, 110))
        for line in text.splitlines():
            lead = " " * (3 + len(line) - len(line.lstrip()))
            wrapped = textwrap.wrap(line, width, initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False)
            self._console.print("\n".join(wrapped), style=style, markup=False)

    def _run(self, *arguments: str | Path) -> str:
        """Run a command, and show and return what it warns of."""
        shown = " ".join(str(a.relative_to(CHECKOUT)) if isinstance(a, Path) else a for a in arguments)
        self._quote(f"$ kubectl {shown}", "cyan")
        said = self._cluster.kubectl(*arguments).stderr.strip()
        self._quote(said, "yellow")
        return said

    def _await_pods(self, count: int) -> None:
        """Wait until so many pods run, and see that it is not one more."""
        self._await(lambda: self._pods("Running") >= count, f"{count} pods of the demonstration run")
        time.sleep(1.0)  # the controller goes on trying; what does not fit must not come late
        there = self._pods()
        if there != count:
            raise OtherwiseError(f"{count} pods fit by arithmetic, but {there} are there")
        self._quote(f"{count} pods run" + (", exactly what fits" if count in (FITS, RAISED) else ""), "green")

    def _pods(self, phase: str | None = None) -> int:
        found = self._cluster.api.get("/api/v1/namespaces/demo/pods")["items"]
        return sum(phase is None or pod["status"].get("phase") == phase for pod in found)

    def _refusal_in_events(self) -> None:
        def found() -> list[str]:
            """The part below `Events:`: its head, and Headroom's line."""
            described = self._cluster.kubectl("-n", "demo", "describe", "deployment", "demo").stdout
            lines = described.partition("\nEvents:\n")[2].splitlines()
            ours = [line for line in lines if "headroom.internal/admission" in line]
            return ["Events:", *lines[:2], *ours] if ours else []

        self._await(lambda: bool(found()), "the refusal stands in the Deployment's events")
        self._quote("$ kubectl -n demo describe deployment demo   # its end, without what others say there", "cyan")
        self._quote("\n".join(found()), "yellow")

    def _refusal_at_apply(self) -> None:
        self._say("The same for a pod of one's own: the API server answers at once")
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "one-more", "namespace": "default"},
            "spec": {"containers": [{"name": "app", "image": "app", "resources": {"limits": {"memory": "512Mi"}}}]},
        }
        self._quote("$ kubectl apply -f one-more.yaml", "cyan")
        done = self._cluster.kubectl("apply", "-f", "-", input=json.dumps(pod), check=False)
        if done.returncode == 0 or "pods.headroom.internal" not in done.stderr:
            raise OtherwiseError(f"the pod was not refused by Headroom: {done.stdout}{done.stderr}")
        self._quote(done.stderr.strip(), "yellow")

    def _audit_line(self) -> None:
        self._say("Headroom's audit log has a line for each refusal")

        def found() -> dict[str, object]:
            lines = (self._local.state / "headroom-1.log").read_text().splitlines()
            entries = [json.loads(line) for line in lines if line.startswith('{"ts"')]
            return next((entry for entry in reversed(entries) if entry["name"] == "one-more"), {})

        self._await(lambda: bool(found()), "the refusal stands in the audit log")
        entry = found()
        self._quote(json.dumps({key: entry[key] for key in _SHOWN}, indent=2) + "  (and some more fields)", "yellow")

    def _raise_threshold(self) -> None:
        name = ("-n", "headroom-system", "configmap", "headroom-config")
        data = json.loads(self._cluster.kubectl("get", *name, "-o", "json").stdout)["data"]
        text = data["config.yaml"]
        if "limits: 100%" not in text:
            raise OtherwiseError(f"the configuration is not the shipped one:\n{text}")
        patch = json.dumps({"data": {"config.yaml": text.replace("limits: 100%", "limits: 150%")}})
        self._quote("$ kubectl -n headroom-system edit configmap headroom-config   # limits: 100% → 150%", "cyan")
        self._cluster.kubectl("patch", *name, "--type=merge", "-p", patch)
        time.sleep(1.0)  # it acts within a second
        self._quote("the controller waits longer after each refusal, up to 16 minutes; a touch makes it try at once:")
        self._quote(f"$ {TOUCH}", "cyan")
        stamp = f"headroom.internal/retry={int(time.time())}"
        self._cluster.kubectl("-n", "demo", "annotate", "deployment", "demo", "--overwrite", stamp)

    def _account(self) -> None:
        """Show what is committed of what bound, as Headroom has it."""
        _, metrics = self._local.addresses("headroom-1")
        answer = urllib3.request("GET", f"{metrics}/metrics", timeout=5.0)
        values = {
            sample.name: sample.value
            for family in text_string_to_metric_families(answer.data.decode())
            for sample in family.samples
            if sample.labels.get("scope") == "cluster"
        }
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("SUM", "COMMITTED", "THRESHOLD", "", ""):
            table.add_column(column, justify="right" if column in ("COMMITTED", "THRESHOLD") else "left")
        for kind in ("requests", "limits"):
            committed = values[f"headroom_scope_memory_{kind}_bytes"]
            bound = values[f"headroom_scope_memory_{kind}_bound_bytes"]
            filled = round(_BAR * min(1.0, committed / bound))
            bar = "█" * filled + "░" * (_BAR - filled)
            row = (f"memory {kind}", f"{committed / 2**20:.0f}Mi", f"{bound / 2**20:.0f}Mi", bar)
            table.add_row(*row, f"{committed / bound:.0%}" + (" full" if committed >= bound else ""))
        self._console.print(Padding(table, (1, 0, 0, 3)))

    def _await(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise OtherwiseError(f"after {PATIENCE:.0f} s it is still not so that {what}")
            time.sleep(0.1)


def main() -> int:
    """Bring everything up, tell the story, and stay for whoever wants to play."""
    console = Console(highlight=False, soft_wrap=True)
    local = Local(CHECKOUT / ".local-demo")
    console.print("[bold]Headroom: a cluster never promises more memory than it has[/bold]")
    console.print(
        "   The control plane is a real one: etcd, API server, controllers, scheduler. The nodes are simulated by KWOK:"
    )
    console.print("   their pods are bound and said to run, but no container is started.")
    binaries.build_all()
    local.down()
    try:
        began = time.monotonic()
        local.up(CLUSTER)
        console.print(f"   API server, 3 simulated nodes of 1Gi and Headroom are up ({time.monotonic() - began:.1f} s)")
        Story(local, console).tell()
        console.print("\n[bold green]Refused what does not fit, and not one pod too many or too few.[/bold green]")
        if sys.stdin.isatty():
            _stay(console, local)
        else:
            console.print("At a terminal the cluster stays up from here on; `make up` starts one in the background.")
    except OtherwiseError as error:
        console.print(f"\n[bold red]It went otherwise: {error}[/bold red]")
        console.print(f"   the logs: {local.state}/*.log")
        local.journal.end()
        return 1
    except BaseException:
        local.journal.end()  # a mistake in the story, or Ctrl-C in the middle of it, leaves nothing running
        raise
    local.down()
    return 0


def _stay(console: Console, local: Local) -> None:
    _, metrics = local.addresses("headroom-1")
    bytes_ = "/^headroom_scope_memory_(requests|limits)_.*bytes/"
    console.print("\nThe cluster stays up until Ctrl-C. In another terminal:\n", markup=False)
    for line in report.surroundings(local):
        console.print(f"   {line}", markup=False)
    console.print("\nand then, for instance:\n", markup=False)
    for line in (
        f"kubectl -n demo scale deployment demo --replicas={RAISED + 12}",
        "kubectl -n demo describe deployment demo",
        f"curl -s {metrics}/metrics | awk '{bytes_} {{print $1, $2 / 2^20 \"Mi\"}}'",
    ):
        console.print(f"   {line}", markup=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started it may have left Ctrl-C ignored
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("\nbye")


if __name__ == "__main__":
    sys.exit(main())
