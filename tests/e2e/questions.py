"""Random questions about a cluster, and whether what was answered is then what the API server does.

Replicas are asked over REST, one at random each time; then what was asked about is applied. What was said to fit must
be admitted, what was said not to fit must be refused, and what an edit or other nodes were said to lead to must come
about. Between two questions the configuration and the nodes change, as does the replica that judges, and some of the
pods stay.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import urllib3

from devcluster import nodes
from devcluster.api import ApiError, Object
from devcluster.cluster import Cluster
from devcluster.processes import NotReadyError, until
from devcluster.replica import Replica
from tests.e2e.exposition import Exposition
from tests.e2e.headroom import Headroom, document
from tests.e2e.joined import Joined, lead
from tests.e2e.pods import NOBODY
from tests.e2e.story import Story
from webhook.core.config.parse import parse
from webhook.core.config.render import digest

SECONDS = 120.0  # a time-out for what takes less than 1 s on an idle machine
MI = 1 << 20
NODE_MI = 4096
POOL = "hm"
LABEL = {"example.com/pool": POOL}
SHAPES = (nodes.Shape("4Gi"), nodes.Shape("4Gi", labels=LABEL), nodes.Shape("3Gi", cpu="2"))
MOST = 12  # sets of pods that are created one by one
LIVE = 25  # pods that may be left over from earlier questions
PASSING = ("could not book its share in time", "AwaitingEarlierPods", "AccountUnavailable")
"""What a pod is told that should be tried again in a moment, as on a busy machine: nothing is said of its size."""

PATHS = {"Deployment": "/apis/apps/v1", "ReplicaSet": "/apis/apps/v1", "Job": "/apis/batch/v1"}


class Tally(NamedTuple):
    """How many cases there were by kind, and how many pods were said to fit and admitted, or not to fit and refused."""

    cases: Counter[str]
    pods: Counter[str]

    def __str__(self) -> str:
        told = [f"{count} {name}" for name, count in sorted((self.cases + self.pods).items())]
        return f"{sum(self.cases.values())} cases: {', '.join(told)}"


class Questions:
    """The dice, the replicas and a namespace of a cluster with controllers."""

    def __init__(self, headroom: Headroom, joined: Joined, namespace: str, seed: int) -> None:
        self.story, self.replicas, self.seed = Story(headroom, namespace), joined.replicas, seed
        self._addresses = [joined.url, *(replica.url for replica in joined.replicas)]
        self.cluster: Cluster = headroom.cluster
        self.dice = random.Random(seed)  # noqa: S311 - dice
        self.tally = Tally(Counter(), Counter())
        self._number = 0
        self._config: Object = {}
        self._history: list[str] = []

    def run(self, cases: int) -> Tally:
        """Ask so many questions, and up to twice as many more until half of them were admitted, and half refused."""
        self._nodes()
        kinds = (self._check_pods, self._check_workload, self._fit, self._simulate)
        while self._number < cases or (self._number < 3 * cases and self._fewest() < cases // 2):
            self._number += 1
            self._history = [f"seed {self.seed}, case {self._number}, configuration {self._config}"]
            if self._number == 1 or self.dice.random() < 0.7:
                self._configure(self._settings())
            # Several connections at a time, which only controllers make, are shared out among all replicas.
            lead(self.cluster, self.dice.choice(self._addresses))
            self._settle()
            case = kinds[self._number % len(kinds)]
            case()
            self._tidy()
            if not self._number % 20:
                print(self.tally, flush=True)
        return self.tally

    def _fewest(self) -> int:
        return min(self.tally.pods[kind] for kind in ("said to fit, admitted", "said not to fit, refused"))

    # -- would it fit --------------------------------------------------------------------------------------------------

    def _check_pods(self) -> None:
        pods = [self._pod(f"p{self._number}-{index}") for index in range(self.dice.randint(1, 5))]
        rows = self._ask("check", manifests=_text(pods), namespace=self.story.namespace)["items"]
        self._count("check of pods")
        for pod, row in zip(pods, rows, strict=True):
            self._holds(pod, fits=row["fits"] == 1, said=row)

    def _check_workload(self) -> None:
        kind = self.dice.choice(list(PATHS))
        made = self._workload(kind, self.dice.randint(1, 8))
        (row,) = self._ask("check", manifests=_text([made]), namespace=self.story.namespace)["items"]
        self._count(f"check of a {kind}")
        refused = self._applied(kind, made)
        if refused:  # by an early answer, which refuses only where pods are sure to be missing
            assert row["fits"] < row["missing"], self._tale(f"{kind} is refused: {refused}; said was {row}")
            self._count("workload refused", row["missing"])
            return
        self._come_to(row["fits"], row)
        self._count("said to fit, admitted", row["fits"])
        if row["fits"] < row["missing"]:
            again = {**made["spec"]["template"], "metadata": {"name": f"again-{self._number}"}}
            assert self._refusal(again, dryRun="All"), self._tale(f"one more pod is let in; said was {row}")
            self._come_to(row["fits"], row)
            self._count("said not to fit, refused")

    def _come_to(self, pods: int, said: object) -> None:
        """Wait until so many pods of the workload live."""
        try:
            until(lambda: self._living() == pods, f"{pods} pods", SECONDS)
        except NotReadyError as error:
            raise AssertionError(self._tale(f"{self._living()} pods live; said was {said}")) from error

    def _living(self) -> int:
        return len(self.story.api.items(self.story.pods, labelSelector=f"app=w{self._number}"))

    # -- how many more fit ---------------------------------------------------------------------------------------------

    def _fit(self) -> None:
        kinds = [self._pod(f"f{self._number}-{index}") for index in range(self.dice.choice([1, 1, 2]))]
        ratio = [self.dice.randint(1, 3) for _ in kinds] if len(kinds) > 1 else []
        said = self._ask("fit", manifests=_text(kinds), ratio=ratio, namespace=self.story.namespace)
        self._count("fit")
        by_thresholds = said["byThresholds"]
        assert said["sets"] <= (said["sets"] if by_thresholds is None else by_thresholds)
        sets = min(MOST // sum(ratio or [1]), 3 if by_thresholds is None else by_thresholds)
        for number in range(sets):
            for pod in _set(kinds, ratio, number):
                self._holds(pod, fits=True, said=said)
        if sets == by_thresholds:
            told = [self._refusal(pod) for pod in _set(kinds, ratio, sets)]
            assert any(told) or not self._refuses(), self._tale(f"set {sets + 1} is let in as well; said was {said}")
            self._count("said not to fit, refused", sum(map(bool, told)))

    # -- what if -------------------------------------------------------------------------------------------------------

    def _simulate(self) -> None:
        question, apply = self.dice.choice([self._other_settings, self._more_nodes, self._one_node_less])()
        said = self._ask("simulate", **question)
        self._count(f"simulate {'/'.join(question)}")
        before = _by_scope(said["before"])
        shows = self.dice.choice(self.replicas)
        self._until(lambda: _by_scope(self._get("commitment", shows)) == before, "before")
        apply(said)
        self._settle()
        expected = _figures(said["after"])
        for replica in self.replicas:
            self._until(lambda: _figures(self._get("commitment", replica)) == expected, f"{expected}")  # noqa: B023 - now
        self._borders(said["after"]["scopes"][0]["memory"])

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until it holds: a report is up to 1.5 s old."""
        try:
            until(holds, what, SECONDS)
        except NotReadyError as error:
            raise AssertionError(self._tale(what)) from error

    def _borders(self, said: Object) -> None:
        """Try a pod of exactly what is free, and one of a byte more; both are dry runs."""
        free = [line["free"] for line in (said["requests"], said["limits"]) if line["free"] is not None]
        if not free or not self._refuses() or self._config["unplaceable"] == "deny":
            return
        for more, fits in ((0, True), (1, False)):
            size = min(free) + more
            if size > 0:
                pod = _shape(f"border-{self._number}-{more}", [_container("a", size, size)])
                self._holds(pod, fits=fits, said=said, dryRun="All")

    def _other_settings(self) -> tuple[Object, Callable[[Object], None]]:
        found = self._settings()
        changes = {"thresholds.memory.requests": self._share(), "reserve.nodes": str(self.dice.randint(0, 1))}
        if self.dice.random() < 0.5:
            changes["thresholds.memory.limits"] = self._share()
        if self.dice.random() < 0.5:
            changes["missingLimits"] = found["missingLimits"]
        after = json.loads(json.dumps(self._config))
        for path, value in changes.items():
            *groups, last = path.split(".")
            at = after
            for group in groups:
                at = at.setdefault(group, {})
            at[last] = int(value) if value.isdecimal() else value
        return {"set": changes}, lambda _: self._configure(after)

    def _more_nodes(self) -> tuple[Object, Callable[[Object], None]]:
        number, memory = self.dice.randint(1, 2), self.dice.choice(["1Gi", "3Gi", "8Gi"])
        to_pool = bool(self._config.get("pools")) and self.dice.random() < 0.5
        asked = {"number": number, "memory": memory, "cpu": "4", **({"pool": POOL} if to_pool else {})}
        shape = nodes.Shape(memory, labels=LABEL if to_pool else {})

        def apply(_: Object) -> None:
            nodes.add(self.cluster, number, shape, first=len(SHAPES) + 1)

        return {"addNodes": [asked]}, apply

    def _one_node_less(self) -> tuple[Object, Callable[[Object], None]]:
        node = f"node-{self.dice.randint(1, len(SHAPES))}"
        drained = self.dice.random() < 0.5
        sizes = [self.dice.randint(50, 900) * MI + index for index in range(self.dice.randint(0, 4))]
        bound = [_shape(f"b{self._number}-{index}", [_container("a", size, size)]) for index, size in enumerate(sizes)]
        came = [pod for pod in bound if not self._refusal({**pod, "spec": {**pod["spec"], "nodeName": node}})]
        self._settle()

        def apply(said: Object) -> None:
            (nodes.cordon if drained else nodes.remove)(self.cluster, node)
            here = self.story.api.items(self.story.pods, fieldSelector=f"spec.nodeName={node}")
            for pod in here:
                self.story.delete(pod["metadata"]["name"])
            assert len(here) == said["displaced"], self._tale(f"{len(here)} pods went; said was {said}")
            self._settle()
            largest = sorted(
                came, key=lambda pod: -int(pod["spec"]["containers"][0]["resources"]["requests"]["memory"])
            )
            told = [self._refusal(pod) for pod in largest]
            admitted = told.count("")
            assert admitted == said["admitted"], self._tale(f"{admitted} pods came back; said was {said}: {told}")
            self._count("said to fit, admitted", admitted)
            self._count("said not to fit, refused", len(told) - admitted)

        return {"drain" if drained else "withoutNodes": [node]}, apply

    # -- the API server ------------------------------------------------------------------------------------------------

    def _holds(self, pod: Object, *, fits: bool, said: object, **query: str) -> None:
        told = self._refusal(pod, **query)
        assert bool(told) is not fits, self._tale(
            f"{pod} was to be {'admitted' if fits else 'refused'}: {told}; {said}"
        )
        self._count("said to fit, admitted" if fits else "said not to fit, refused")

    def _refusal(self, pod: Object, **query: str) -> str:
        """Create a pod; return what it was refused with, or an empty string."""
        told = self.story.tries(pod, **query)
        while any(each in told for each in PASSING):
            told = self.story.tries(pod, **query)
        return told

    def _applied(self, kind: str, made: Object) -> str:
        path = f"{PATHS[kind]}/namespaces/{self.story.namespace}/{kind.lower()}s"
        try:
            self.story.api.create(path, made)
        except ApiError as error:
            if "admission webhook" not in error.message:
                raise
            return error.message
        return ""

    def _nodes(self) -> None:
        """Bring the nodes to what they are when a question begins."""
        for number, shape in enumerate(SHAPES, 1):
            name = f"node-{number}"
            if not self.cluster.api.exists(f"{nodes.NODES}/{name}"):
                nodes.add_one(self.cluster, name, shape)
            elif self.cluster.api.get(f"{nodes.NODES}/{name}")["spec"].get("unschedulable"):
                nodes.cordon(self.cluster, name, on=False)
        for node in self.cluster.api.items(nodes.NODES):
            if int(node["metadata"]["name"].removeprefix("node-")) > len(SHAPES):
                nodes.remove(self.cluster, node["metadata"]["name"])

    def _tidy(self) -> None:
        """Delete the workload, bring the nodes back, and leave some pods to the next question."""
        kept = self.dice.random() < 0.5
        for kind, base in PATHS.items():
            path = f"{base}/namespaces/{self.story.namespace}/{kind.lower()}s"
            if self.story.api.items(path):
                self.story.api.delete(path, propagationPolicy="Background")
                kept = False
        if not kept or len(self.story.api.items(self.story.pods)) > LIVE:
            until(self._emptied, "no pods", SECONDS)
        self._nodes()

    def _emptied(self) -> bool:
        self.story.api.delete_now(self.story.pods)
        sets = self.story.api.items(f"{PATHS['ReplicaSet']}/namespaces/{self.story.namespace}/replicasets")
        return not sets and not self.story.api.items(self.story.pods)

    # -- Headroom ------------------------------------------------------------------------------------------------------

    def _configure(self, settings: Object) -> None:
        self._config = settings
        given = {key: value for key, value in settings.items() if key != "thresholds"}
        text = document(settings["thresholds"]["memory"], **given)
        self._history.append(f"configuration {settings}")
        self.story.headroom.write(text)
        self._hash = digest(parse(text))

    def _refuses(self) -> bool:
        return self._config["mode"] == "enforce" and "exempt" not in self._config

    def _settle(self) -> None:
        """Wait until every replica shows what is there, and no pod is still to come."""
        unlike: list[str] = []

        def settled() -> bool:
            live = sum(pod["status"].get("phase") not in _ENDED for pod in self.cluster.api.items("/api/v1/pods"))
            there = self.cluster.api.items(nodes.NODES)
            counted = sum(not node["spec"].get("unschedulable") for node in there)
            unlike[:] = [
                what for replica in self.replicas for what in self._unlike(replica, live, (len(there), counted))
            ]
            return not unlike

        try:
            until(settled, "an account at rest", SECONDS)
        except NotReadyError as error:
            raise AssertionError(self._tale(f"it does not come to rest: {unlike}")) from error

    def _unlike(self, replica: Replica, pods: int, there: tuple[int, int]) -> Iterator[str]:
        """Yield what a replica does not show as it is; `there` are the nodes, and those of them that count."""
        answer = urllib3.request("GET", f"{replica.metrics_url}/metrics", retries=False, timeout=10.0)
        shown, report = Exposition(answer.data.decode()), self._get("commitment", replica)
        scope = report["scopes"][0]
        granted = sum(each[r][k]["granted"] for each in report["scopes"] for r in _RESOURCES for k in _KINDS)
        expected: dict[str, tuple[object, object]] = {
            "configuration": (report["configHash"], self._hash),
            "problem": (report["problem"], None),
            "pods": (shown.value("headroom_live_pods"), pods),
            "reserved": (shown.value("headroom_reserved_memory_bytes"), 0),
            "nodes": ((scope["nodes"], scope["nodesCounted"]), there),
            "granted": (granted, 0),
        }
        for kind in _KINDS:  # the metrics have only the sums that a threshold bounds
            line, name = scope["memory"][kind], f"headroom_scope_memory_{kind}"
            if line["bound"] is not None:
                expected[f"committed {kind}"] = (line["committed"], shown.value(f"{name}_bytes", scope="cluster"))
                expected[f"bound of {kind}"] = (line["bound"], shown.value(f"{name}_bound_bytes", scope="cluster"))
        for what, (found, wanted) in expected.items():
            if found != wanted:
                yield f"{what} of replica {replica.number} is {found} and not {wanted}"

    def _get(self, path: str, replica: Replica | None = None) -> Any:
        asked = replica or self.dice.choice(self.replicas)
        answer = urllib3.request("GET", f"{asked.metrics_url}/api/v1/{path}", retries=False, timeout=20.0)
        assert answer.status == 200, answer.data
        return answer.json()

    def _ask(self, question: str, **asked: object) -> Any:
        replica = self.dice.choice(self.replicas)
        self._history.append(f"{question} of replica {replica.number}: {asked}")
        url = f"{replica.metrics_url}/api/v1/{question}"
        answer = urllib3.request("POST", url, json=asked, retries=False, timeout=20.0)
        assert answer.status == 200, self._tale(answer.data.decode())
        self._history.append(f"answer: {answer.data.decode()}")
        return answer.json()

    def _count(self, what: str, number: int = 1) -> None:
        (self.tally.cases if what.partition(" ")[0] in {"check", "fit", "simulate"} else self.tally.pods)[what] += (
            number
        )

    def _tale(self, what: str) -> str:
        return "\n".join([*self._history, what])

    # -- dice ----------------------------------------------------------------------------------------------------------

    def _share(self) -> str:
        return f"{self.dice.choice([self.dice.randint(20, 120), self.dice.randint(200, 999) / 10])}%"

    def _settings(self) -> Object:
        dice = self.dice
        memory = {kind: self._share() for kind in dice.choice([("requests",), ("limits",), ("requests", "limits")])}
        settings: Object = {
            "thresholds": {"memory": memory},
            "mode": dice.choice(["enforce"] * 8 + ["warn", "audit"]),
            "warnAt": dice.choice(["90%", "100%"]),
            "reserve": {"nodes": dice.choice([0, 0, 1])},
            "missingLimits": dice.choice(["count-request", "ignore", "warn", "deny"]),
            "missingRequests": dice.choice(["allow", "allow", "warn", "deny"]),
            "unplaceable": dice.choice(["allow", "warn", "warn", "deny"]),
            "workloads": dice.choice(["allow", "warn", "deny"]),
            "nodes": {"forgetDeletedAfter": "0s"},
        }
        if dice.random() < 0.5:
            pool = {kind: self._share() for kind in dice.choice([("requests",), ("limits",)])}
            settings["pools"] = [{"name": POOL, "nodeSelector": LABEL, "thresholds": {"memory": pool}}]
        if dice.random() < 0.1:
            settings["exempt"] = {"namespaces": ["test-*"]}
        return settings

    def _pod(self, name: str) -> Object:
        dice = self.dice
        containers = [self._container(f"c{index}") for index in range(dice.choice([1, 1, 2]))]
        more: Object = {}
        if dice.random() < 0.2:
            always = {"restartPolicy": "Always"} if dice.random() < 0.5 else {}
            more["initContainers"] = [{**self._container("i"), **always}]
        if dice.random() < 0.3:
            more["nodeSelector"] = LABEL
        if dice.random() < 0.1:
            least = sum(map(_largest, [*containers, *more.get("initContainers", [])]))  # or the pod is invalid
            requests = least + dice.randint(1, 100) * MI
            asked = {"requests": requests, "limits": requests + dice.randint(0, 100) * MI}
            more["resources"] = {kind: {"memory": str(size)} for kind, size in asked.items()}
        return _shape(name, containers, **more)

    def _container(self, name: str) -> Object:
        size = self._bytes()
        asked = self.dice.choice(["both", "both", "both", "equal", "requests", "limits", "none"])
        requests = size if asked in {"both", "equal", "requests"} else None
        limits = size if asked in {"equal", "limits"} else None
        return _container(name, requests, size + self._bytes() if asked == "both" else limits)

    def _bytes(self) -> int:
        return self.dice.choice([self.dice.randint(20, 250), self.dice.randint(150, 1200)]) * MI + self.dice.randint(
            0, 9
        )

    def _workload(self, kind: str, replicas: int) -> Object:
        name = f"w{self._number}"
        template = self._pod("")
        template = {"metadata": {"labels": {"app": name}}, "spec": template["spec"]}
        spec: Object = {"template": template}
        if kind == "Job":
            template["spec"]["restartPolicy"] = "Never"
            completions = self.dice.choice([None, self.dice.randint(1, 8)])
            spec |= {"parallelism": replicas, **({} if completions is None else {"completions": completions})}
        else:
            spec |= {"replicas": replicas, "selector": {"matchLabels": {"app": name}}}
        version = PATHS[kind].removeprefix("/apis/")
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


_RESOURCES, _KINDS = ("memory", "cpu"), ("requests", "limits")
_ENDED = ("Succeeded", "Failed")


def _largest(container: Object) -> int:
    """Return what a container asks for, or its limit if that is more."""
    return max((int(each["memory"]) for each in container["resources"].values()), default=0)


def _container(name: str, requests: int | None, limits: int | None) -> Object:
    asked = {"requests": requests, "limits": limits}
    resources = {kind: {"memory": str(size)} for kind, size in asked.items() if size is not None}
    return {"name": name, "image": "none", "resources": resources}


def _shape(name: str, containers: Sequence[Object], **more: object) -> Object:
    spec = {"schedulerName": NOBODY, "containers": list(containers), **more}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _set(kinds: Sequence[Object], ratio: Sequence[int], number: int) -> list[Object]:
    """Return the pods of one set, each with a name of its own."""
    return [
        {**kind, "metadata": {"name": f"{kind['metadata']['name']}-{number}-{index}"}}
        for kind, times in zip(kinds, ratio or [1], strict=True)
        for index in range(times)
    ]


def _text(objects: Sequence[Object]) -> str:
    return "\n---\n".join(map(json.dumps, objects))


def _by_scope(report: Object) -> Object:
    return {each["scope"]: each for each in report["scopes"]}


def _figures(report: Object) -> list[object]:
    """Return what is said before and shown after; the capacity of new nodes is not among it, since it is not known."""
    fields = tuple(product(("memory", "cpu"), ("allocatable", "requests", "limits")))
    return [(each["scope"], *(each[resource][field] for resource, field in fields)) for each in report["scopes"]]
