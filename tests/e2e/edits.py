"""Random edits of workloads, and whether what was said of each is what then happens.

One workload at a time lives in a cluster of four large nodes, under a bound of some GiB. It is made, scaled, rolled,
recreated over its orphans, often before its controller has caught up, and the bound is moved below what runs. What is
said is read by its numbers alone. Then its controllers are made to try again until nothing moves any more: what was
said must have come about, and must stay so while pods go on being refused.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from devcluster.api import PATCH_TYPES, ApiError, Object
from devcluster.nodes import Shape
from devcluster.processes import until
from tests.e2e.pods import NOBODY, container
from tests.e2e.story import Story

NODES, NODE_GI = 4, 50
GI = 1 << 30
SHAPE = Shape(memory=f"{NODE_GI}Gi", cpu="64")
SECONDS = 120.0  # for what takes two where nothing else wants the processor
STEADY = 0.8  # seconds without any change, and with refusals in it where pods are missing: then it has ended
PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "ReplicaSet": "replicasets"}
PLURALS |= {"DaemonSet": "daemonsets", "Job": "jobs"}
FIT = re.compile(r"(?:only (\d+)|none) of (\d+) (?:replicas|pods) fit(?:, and (\d+) running pods? go)?: ")
STALL = re.compile(r"update stalls at (\d+) of (\d+)(?: and takes (\d+) running pods? away)?: ")
SURGE = re.compile(r"no room for (\d+) of (\d+) surge pods: ")
ADVICE = re.compile(r"set maxSurge: 0(?:, maxUnavailable: (\d+))?(?: \(gets to (\d+) of \d+\))?, ask for less memory, ")


class Said(NamedTuple):
    """What a warning claims: so many of them fit, or are updated, and so many that run and are wanted go."""

    kind: str
    fit: int
    of: int
    lost: int


class Seen(NamedTuple):
    """Pods that live, those of them that are of the newest template, and older ones that are not to be replaced."""

    alive: int
    new: int
    kept: int
    moving: bool


def read(warnings: list[str]) -> Said | None:
    """Understand what was said; nothing else is ever said here."""
    if not warnings:
        return None
    for kind, form in (("short", FIT), ("stall", STALL)):
        if found := form.match(warnings[0]):
            return Said(kind, *(int(each or 0) for each in found.groups()))
    found = SURGE.match(warnings[0])
    assert found, warnings
    return Said("surge", int(found[2]) - int(found[1]), int(found[2]), 0)


class Edits:
    """The workload under test and the dice. `told` counts what was said, by kind; what was left unsaid is there too."""

    def __init__(self, story: Story, seed: int) -> None:
        self.story, self.dice = story, random.Random(seed)  # noqa: S311 - dice
        self.told: Counter[str] = Counter()
        self.history: list[str] = [f"seed {seed}"]
        self._version = self._number = self._touches = 0
        self._bound = self._size = 0.0
        self._kind, self._name, self._path = "Deployment", "", ""
        self._spec: Object = {}

    # -- rounds --------------------------------------------------------------------------------------------------------

    def round(self, kind: str, edits: int) -> None:
        """Make a workload and edit it so often."""
        self._number += 1
        self._kind, self._name = kind, f"w{self._number}"
        group = "batch" if kind == "Job" else "apps"
        self._path = f"/apis/{group}/v1/namespaces/{self.story.namespace}/{PLURALS[kind]}"
        self._move_bound(self.dice.choice([3, 4, 5, 6, 8]))
        self._spec = self._fresh()
        self._hold(self._send("POST", self._path, self._manifest()), Seen(0, 0, 0, moving=False))
        for _ in range(edits):
            self._change()
        self._end()

    def hurry(self, times: int, room: int) -> None:
        """Scale a Deployment up to what fits, and on to one more a moment later, so often."""
        self._number += 1
        self._name = f"w{self._number}"
        self._path = f"/apis/apps/v1/namespaces/{self.story.namespace}/deployments"
        self._move_bound(room)
        labels = {"app": self._name}
        self._spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": self._template(1)}
        self._send("POST", self._path, self._manifest())
        for _ in range(times):
            self._scale(1)
            self._come_to(lambda seen: seen.alive == 1, "one pod")
            self._scale(room)
            time.sleep(self.dice.choice([0.0, 0.02, 0.05, 0.1, 0.2, 0.4]))
            said = read(self._scale(room + 1))
            self.told["silent" if said is None else said.kind] += 1
            right = said is None or (said.kind, said.fit, said.of) == ("short", room, room + 1)
            assert right, self._tale(f"{room} of {room + 1} fit, and it said {said}")
        self._end()

    def _scale(self, replicas: int) -> list[str]:
        self._spec["replicas"] = replicas
        return self._send("PATCH", f"{self._path}/{self._name}/scale", {"spec": {"replicas": replicas}})

    def _end(self) -> None:
        self.story.api.delete(f"{self._path}/{self._name}", propagationPolicy="Background")
        until(self._without_pods, "the end of its pods", SECONDS)
        until(lambda: self.story.headroom.account().requests == 0, "an empty account", SECONDS)
        self.history = self.history[:1]

    def _without_pods(self) -> bool:
        """Delete what is left, orphans that no controller deletes among it; say whether nothing was.

        As long as a ReplicaSet is there it may make another pod.
        """
        sets = f"/apis/apps/v1/namespaces/{self.story.namespace}/replicasets"
        if self.story.api.items(sets):
            self.story.api.delete(sets, propagationPolicy="Background")
            return False
        left = self.story.api.items(self.story.pods)
        for pod in left:
            with suppress(ApiError):
                self.story.api.delete_now(f"{self.story.pods}/{pod['metadata']['name']}")
        return not left

    def _fresh(self) -> Object:
        spec: Object = {"template": self._template(self.dice.choice([0.5, 1, 1]))}
        if self._kind == "Job":
            parallel, suspend = self.dice.randint(1, 9), self.dice.random() < 0.5
            return spec | {"parallelism": parallel, "completions": 99, "suspend": suspend}
        spec["selector"] = {"matchLabels": {"app": self._name}}
        if self._kind != "DaemonSet":
            spec["replicas"] = self.dice.randint(1, 9)
        if self._kind == "Deployment":
            spec["strategy"] = self._strategy()
        if self._kind == "StatefulSet":
            spec["podManagementPolicy"] = self.dice.choice(["OrderedReady", "Parallel"])
            rolling = {
                "partition": self.dice.choice([0, 0, 0, 1, 3]),
                "maxUnavailable": self.dice.choice([1, 2, "50%"]),
            }
            spec["updateStrategy"] = {
                "rollingUpdate": rolling
            }  # before Kubernetes 1.37 one at a time, whatever it says
        if self._kind == "DaemonSet":
            spec["updateStrategy"] = {"rollingUpdate": self._daemon_fences()}
        return spec

    def _manifest(self) -> Object:
        group = "batch/v1" if self._kind == "Job" else "apps/v1"
        return {"apiVersion": group, "kind": self._kind, "metadata": {"name": self._name}, "spec": self._spec}

    def _template(self, gi: float) -> Object:
        self._size = gi
        self._version += 1
        memory = f"{int(gi * 1024)}Mi"
        spec: Object = {"containers": [container(memory, memory) | {"image": f"v{self._version}"}]}
        if self._kind == "Job":  # whose pods would have done their work in a second
            spec |= {"restartPolicy": "Never", "schedulerName": NOBODY}
        return {"metadata": {"labels": {"app": self._name}}, "spec": spec}

    def _strategy(self) -> Object:
        if self.dice.random() < 0.15:
            return {"type": "Recreate", "rollingUpdate": None}
        surges: list[int | str] = [0, 1, 2, "25%"]
        missing: list[int | str] = [0, 0, 1, 2, "25%", "40%"]
        surge, unavailable = self.dice.choice(surges), self.dice.choice(missing)
        return _rolling(surge, 1 if surge == unavailable == 0 else unavailable)

    def _daemon_fences(self) -> Object:
        if self.dice.random() < 0.4:
            return {"maxSurge": self.dice.choice([1, "40%"]), "maxUnavailable": 0}
        return {"maxSurge": 0, "maxUnavailable": self.dice.choice([1, 2, "40%"])}

    def _move_bound(self, gi: float) -> None:
        if gi != self._bound:
            self._bound = gi
            share = f"{gi * 100 / (NODES * NODE_GI):g}%"
            self.story.headroom.configure({"requests": share}, warnAt="100%", exempt={"daemonSets": False})
        self.history.append(f"bound {gi}Gi")

    # -- edits ---------------------------------------------------------------------------------------------------------

    def _change(self) -> None:
        """Edit the workload once, or twice in quick succession: what is said last must hold."""
        self._settled()
        full = self.dice.random() < 0.35
        if full:
            self._move_bound(max(0.5, self.story.headroom.account().requests / GI))
        elif self.dice.random() < 0.3:
            self._move_bound(self.dice.choice([2, 3, 4, 5, 6, 8]))
        if self._kind not in {"DaemonSet", "Job"} and self.dice.random() < 0.15:
            self._recreate()
            return
        hurried = self.dice.random() < 0.25
        if hurried:
            self._edit()
            self.told["hurried"] += 1
            time.sleep(self.dice.choice([0.0, 0.02, 0.1, 0.3]))
        before = self._seen()
        rolls = full and self._kind in {"Deployment", "StatefulSet", "DaemonSet"} and self.dice.random() < 0.6
        warnings = self._roll() if rolls else self._edit()
        self._hold(warnings, before._replace(moving=hurried))
        if self._kind == "Deployment" and warnings and (found := ADVICE.match(warnings[-1])):
            self._follow(found)

    def _roll(self) -> list[str]:
        """Have the same pods made of another image: at a full bound their update needs room that there is not."""
        self.told["rolled at a full bound"] += 1
        template = self._template(self._size)
        self._spec |= {"template": template}
        return self._send("PATCH", f"{self._path}/{self._name}", {"spec": {"template": template}})

    def _edit(self) -> list[str]:
        change: Object = {}
        count = "parallelism" if self._kind == "Job" else "replicas"
        if self._kind != "DaemonSet" and self.dice.random() < 0.5:
            change[count] = self.dice.randint(0, 10)
        if self._kind == "Job":
            change |= self._of_job()
        elif not change or self.dice.random() < 0.5:
            change["template"] = self._template(self.dice.choice([0.5, 1, 1, 1, 1.5]))
        if self._kind == "Deployment" and self.dice.random() < 0.3:
            change["strategy"] = self._strategy()
        self._spec |= change
        scale = set(change) == {"replicas"} and self.dice.random() < 0.5
        return self._send("PATCH", f"{self._path}/{self._name}{'/scale' if scale else ''}", {"spec": change})

    def _of_job(self) -> Object:
        """Suspend it, or resume it: as it was, or with another size."""
        suspend = not self._spec["suspend"]
        if suspend or self.dice.random() < 0.4:
            return {"suspend": suspend}
        self._suspended()
        memory = f"{self.dice.choice([512, 1024, 1536])}Mi"
        spec = self._spec["template"]["spec"]
        main = spec["containers"][0] | {"resources": {"requests": {"memory": memory}, "limits": {"memory": memory}}}
        template = self._spec["template"] | {"spec": spec | {"containers": [main]}}
        if self.dice.random() < 0.5:
            self._spec["template"] = template
            self._send("PATCH", f"{self._path}/{self._name}", {"spec": {"template": template}})
            return {"suspend": False}
        return {"suspend": False, "template": template}

    def _suspended(self) -> None:
        """Wait until a Job may have another template."""

        def done() -> bool:
            status = self.story.api.get(f"{self._path}/{self._name}").get("status", {})
            conditions = [each["type"] for each in status.get("conditions", ()) if each["status"] == "True"]
            return "Suspended" in conditions and not status.get("active")

        until(done, "the Job's suspension", SECONDS)

    def _recreate(self) -> None:
        """Delete the workload alone, and make it again over its orphans, as it was or with other replicas."""
        before, uids = self._seen(), self._uids()
        self.story.api.delete(f"{self._path}/{self._name}", propagationPolicy="Orphan")
        until(lambda: not self.story.api.exists(f"{self._path}/{self._name}"), "its end", SECONDS)
        self.told["recreated"] += 1
        if self.dice.random() < 0.5:
            self._spec["replicas"] = self.dice.randint(0, 10)
        self._hold(self._send("POST", self._path, self._manifest()), before)
        now = self._uids()
        done = len(uids) <= self._spec["replicas"] and self._seen().new == before.new == before.alive
        assert not done or uids <= now, self._tale("pods that were there were replaced")

    def _follow(self, found: re.Match[str]) -> None:
        """Set what was said to help, and see that it helps as far as was said."""
        self.told["followed"] += 1
        strategy = _rolling(0, int(found[1] or 1))
        if found[1] is None:
            strategy["rollingUpdate"].pop("maxUnavailable")  # as it is
        reach = int(found[2]) if found[2] else self._spec["replicas"]
        self._spec["strategy"] = strategy
        self._send("PATCH", f"{self._path}/{self._name}", {"spec": {"strategy": strategy}})
        self._come_to(lambda seen: seen.new == reach, f"{reach} pods, by the advice")

    def _send(self, method: str, path: str, body: Object) -> list[str]:
        content = PATCH_TYPES["merge"] if method == "PATCH" else "application/json"
        told = self.story.api.warned(method, path, body, content_type=content)[1]
        self.history.append(f"{method} {path.rpartition('/')[2]} {_brief(body['spec'])} -> {told}")
        mine = [each for each in told if "unknown field" not in each]
        assert all(len(each) <= 120 for each in mine), mine
        return mine

    # -- what then happens ---------------------------------------------------------------------------------------------

    def _hold(self, warnings: list[str], before: Seen) -> None:
        """Wait until what was said has come about, and stays so."""
        said = read(warnings)
        self.told["silent" if said is None else said.kind] += 1
        if said is None:
            return
        wanted = (
            NODES if self._kind == "DaemonSet" else self._spec["parallelism" if self._kind == "Job" else "replicas"]
        )
        excess = max(0, before.alive - wanted)

        def right(seen: Seen) -> bool:
            if said.kind == "surge":
                return seen.new == seen.alive == wanted
            if said.of != wanted or seen.new + seen.kept != said.fit:
                return False
            if before.moving:
                return True
            left = before.alive - excess - said.lost
            return seen.alive == left if said.lost else seen.alive >= left

        self._come_to(right, f"{said} after {before}")

    def _come_to(self, right: Callable[[Seen], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not right(seen := self._settled()):
            assert time.monotonic() < deadline, self._tale(f"{what}, and there are {seen}")

    def _settled(self) -> Seen:
        """Wait until nothing has changed for a while in which every controller tried again, and some were refused."""
        began = time.monotonic()
        seen, since, refused = self._seen(), began, self._refused()
        while True:
            self._touch()
            time.sleep(0.1)
            now = self._seen()
            if now != seen or now.moving:
                seen, since, refused = now, time.monotonic(), self._refused()
            steady = time.monotonic() - since
            if steady > STEADY and (self._content() or self._refused() >= refused + 2):
                return seen
            if steady > 10 * STEADY:  # nobody even tries: what is missing waits for something else
                return seen
            assert time.monotonic() < began + SECONDS, self._tale("it does not come to rest")

    def _content(self) -> bool:
        """Whether no controller is short of pods: then none is refused."""
        path = self._path.replace(PLURALS[self._kind], "replicasets") if self._kind == "Deployment" else self._path
        return all(_has_all(each["spec"], each.get("status", {})) for each in self.story.api.items(path))

    def _refused(self) -> float:
        shown = self.story.headroom.exposition()
        return shown.value("headroom_admission_reviews_total", kind="Pod", verdict="deny")

    def _seen(self) -> Seen:
        pods = self.story.api.items(self.story.pods)
        found = self.story.api.get(f"{self._path}/{self._name}")
        behind = found.get("status", {}).get("observedGeneration", 0) < found["metadata"]["generation"]
        live = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
        # As it is in the workload, in a field that no controller changes
        image = self._spec["template"]["spec"]["containers"][0]["image"]
        new = [each for each in live if each["spec"]["containers"][0]["image"] == image]
        kept = sum(self._is_kept(each) for each in live if each not in new)
        return Seen(len(live), len(new), kept, len(live) < len(pods) or (behind and self._kind != "Job"))

    def _is_kept(self, pod: Object) -> bool:
        if self._kind == "StatefulSet":
            partition: int = self._spec["updateStrategy"]["rollingUpdate"]["partition"]
            return int(pod["metadata"]["name"].rpartition("-")[2]) < partition
        return self._kind == "ReplicaSet"

    def _uids(self) -> set[str]:
        return {each["metadata"]["uid"] for each in self.story.api.items(self.story.pods)}

    def _touch(self) -> None:
        """Have every controller try again now: left alone each waits ever longer after a refusal."""
        self._touches += 1
        body = {"metadata": {"annotations": {"touched": str(self._touches)}}}
        names = [f"{self._path}/{self._name}"]
        if self._kind == "Deployment":
            sets = self._path.replace("deployments", "replicasets")
            names = [f"{sets}/{each['metadata']['name']}" for each in self.story.api.items(sets)]
        for name in names:
            self.story.api.patch(name, body)

    def _tale(self, what: str) -> str:
        return "\n".join([f"{self._kind}: {what}", self.history[0], *self.history[1:][-12:]])


def _has_all(spec: Object, status: Object) -> bool:
    """Whether a workload has as many pods as it wants; any kind but a Deployment."""
    if "parallelism" in spec:
        return bool(spec["suspend"]) or status.get("active", 0) >= spec["parallelism"]
    if "replicas" in spec:
        return bool(status.get("replicas", 0) >= spec["replicas"])
    return bool(status.get("updatedNumberScheduled", 0) == status["currentNumberScheduled"] == NODES)


def _rolling(surge: int | str, unavailable: int | str) -> Object:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def _brief(spec: Object) -> str:
    short = dict(spec)
    if "template" in spec:
        main = spec["template"]["spec"]["containers"][0]
        short["template"] = f"{main['image']} {main['resources']['requests']['memory']}"
    return str(short)
