"""Writes the Helm chart from the manifests, so that the two cannot drift apart: `python -m tests.packaging.chart`.

Each object of manifests/base becomes a template. What a component adds or changes stands in the template below an `if`:
the lines by which the object with the component differs from the object without it. What a value replaces is marked in
the objects before they are written as text (`_mark`). NOTES.txt, the test and the hook are written by hand.
"""

import difflib
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

import webhook
from tests.packaging.chart_values import ROOT, Value, commented, schema, values
from tests.support.kustomize import MANIFESTS, Manifest, compose

CHART: Final = ROOT / "charts" / "headroom"
MADE: Final = "{{- /* Made from manifests/ by `make docs`: edit those. */ -}}\n"
NAMESPACE: Final = "headroom-system"
MARK: Final = "HELM{}HELM"

# Which value adds which component.
OPTIONS: Final = {
    ".Values.flowSchema": "flow-schema",
    'eq .Values.certificates "self"': "self-certs",
    'eq .Values.certificates "cert-manager"': "cert-manager",
    ".Values.mtls": "mtls",
    ".Values.monitoring.enabled": "monitoring",
    ".Values.reviewBindings": "review-bindings",
    ".Values.nudge": "nudge",
    ".Values.reportingAuth": "reporting-auth",
}
# What a value replaces: a word within a line, or the whole line that holds the mark (with `PAD` for its indentation).
WORDS: Final = {
    "tag": '"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"',
    "pullPolicy": "{{ .Values.image.pullPolicy }}",
    "replicas": "{{ .Values.replicas }}",
    "failurePolicy": "{{ .Values.gate.failurePolicy }}",
    "version": "{{ .Chart.AppVersion | quote }}",
    "instance": "{{ .Release.Name }}",
    "manager": "{{ .Release.Service }}",
}
LINES: Final = {
    "pullSecrets": [
        "{{- with .Values.image.pullSecrets }}",
        "imagePullSecrets:",
        "{{- range . }}",
        "- name: {{ . }}",
        "{{- end }}",
        "{{- end }}",
    ],
    "resources": ["resources:", "  {{- toYaml .Values.resources | nindent IN }}"],
    "extraArgs": ["{{- with .Values.extraArgs }}", "{{- toYaml . | nindent PAD }}", "{{- end }}"],
    "excludedNamespaces": [
        "{{- with .Values.gate.excludedNamespaces }}",
        "{{- toYaml . | nindent PAD }}",
        "{{- end }}",
    ],
    "config": ["{{- toYaml .Values.config | nindent PAD }}"],
    "monitoringLabels": ["{{- with .Values.monitoring.labels }}", "{{- toYaml . | nindent PAD }}", "{{- end }}"],
    "apiServers": [
        "{{- with .Values.networkPolicy.apiServers }}",
        "from:",
        "{{- range . }}",
        "- ipBlock:",
        "    cidr: {{ . }}",
        "{{- end }}",
        "{{- end }}",
    ],
}


class Hunk(NamedTuple):
    """Lines `start` to `end` of a text become `lines` where `condition` holds."""

    start: int
    end: int
    condition: str
    lines: list[str]


# --- the objects, with what values replace marked


def _mark(name: str) -> str:
    return MARK.format(name)


def marked(found: Manifest) -> Manifest:
    """Mark in an object what values replace; the object is changed, and returned."""
    _mark_labels(found)
    marks: dict[str, Callable[[Manifest], None]] = {
        "Deployment": _mark_deployment,
        "ValidatingWebhookConfiguration": _mark_gate,
        "ConfigMap": _mark_configuration,
        "NetworkPolicy": _mark_policy,
        "ServiceMonitor": _mark_monitoring,
        "PrometheusRule": _mark_monitoring,
    }
    mark = marks.get(found["kind"])
    if mark:
        mark(found)
    return found


def _mark_labels(found: Any) -> None:
    """Mark the labels that say which release this is, wherever an object has labels."""
    names = {"version": "version", "instance": "instance", "managed-by": "manager"}
    if isinstance(found, dict):
        for label, name in names.items():
            if f"app.kubernetes.io/{label}" in found.get("labels", {}):
                found["labels"][f"app.kubernetes.io/{label}"] = _mark(name)
        for inner in found.values():
            _mark_labels(inner)
    elif isinstance(found, list):
        for inner in found:
            _mark_labels(inner)


def _mark_deployment(found: Manifest) -> None:
    found["spec"]["replicas"] = _mark("replicas")
    pod = found["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    container["image"] = _mark("tag")
    container["imagePullPolicy"] = _mark("pullPolicy")
    container["resources"] = _mark("resources")
    container["args"].append(_mark("extraArgs"))
    pod["imagePullSecrets"] = _mark("pullSecrets")


def _mark_gate(found: Manifest) -> None:
    gate = found["webhooks"][0]
    gate["failurePolicy"] = _mark("failurePolicy")
    gate["namespaceSelector"]["matchExpressions"][0]["values"].append(_mark("excludedNamespaces"))


def _mark_configuration(found: Manifest) -> None:
    if found["metadata"]["name"] == "headroom-config":
        head = "apiVersion: headroom.internal/v1\nkind: HeadroomConfig\n"
        found["data"]["config.yaml"] = f"{head}{_mark('config')}\n"


def _mark_policy(found: Manifest) -> None:
    found["spec"]["ingress"][0]["from"] = _mark("apiServers")


def _mark_monitoring(found: Manifest) -> None:
    found["metadata"]["labels"][_mark("monitoringLabels")] = ""


# --- their text


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as such."""


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


yaml.add_representer(str, _text, Dumper=_Dumper)


def _lines(found: Manifest) -> list[str]:
    text: str = yaml.dump(found, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    return _escaped(text).splitlines()


def _escaped(text: str) -> str:
    """Return text whose braces Helm leaves alone: alerts and dashboards have templates of their own."""
    return re.sub(r"\{\{|\}\}", lambda found: f'{{{{ "{found[0]}" }}}}', text)


def merged(base: Sequence[str], hunks: Sequence[Hunk]) -> Iterator[str]:
    """Yield the lines of a template: the base, and each hunk below its condition."""
    changed = sorted((h for h in hunks if h.end > h.start), key=lambda each: each.start)
    for before, after in pairwise(changed):
        if after.start < before.end:
            raise ValueError(f"{before.condition} and {after.condition} change the same line: {base[after.start]!r}")
    at = 0
    for number in range(len(base) + 1):
        for hunk in hunks:
            if hunk.start == hunk.end == number:
                yield from _conditional(hunk)
        if number < at or number == len(base):
            continue
        replaced = next((h for h in changed if h.start == number), None)
        if replaced is None:
            yield base[number]
            at = number + 1
        else:
            yield from _conditional(replaced, base[replaced.start : replaced.end])
            at = replaced.end


def _conditional(hunk: Hunk, instead: Sequence[str] = ()) -> Iterator[str]:
    some = (hunk.lines or list(instead))[0]
    pad = some[: len(some) - len(some.lstrip())]
    if hunk.lines:
        yield f"{pad}{{{{- if {hunk.condition} }}}}"
        yield from hunk.lines
        if instead:
            yield f"{pad}{{{{- else }}}}"
    else:
        yield f"{pad}{{{{- if not ({hunk.condition}) }}}}"
    yield from instead
    yield f"{pad}{{{{- end }}}}"


def hunks(base: Sequence[str], other: Sequence[str], condition: str) -> list[Hunk]:
    """Return what turns one text into the other."""
    matcher = difflib.SequenceMatcher(None, base, other, autojunk=False)
    return [
        Hunk(start, end, condition, list(other[begin:stop]))
        for kind, start, end, begin, stop in matcher.get_opcodes()
        if kind != "equal"
    ]


def filled(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines with what stands for a value in place of each mark."""
    for line in lines:
        whole = re.search(MARK.format(r"(\w+)"), line)
        if whole and whole[1] in LINES:
            pad = len(line) - len(line.lstrip())
            for each in LINES[whole[1]]:
                yield " " * pad + each.replace("PAD", str(pad)).replace("IN", str(pad + 2))
        else:
            yield re.sub(MARK.format(r"(\w+)"), lambda found: WORDS[found[1]], line).replace(
                NAMESPACE, "{{ .Release.Namespace }}"
            )


# --- the files


def _identity(found: Manifest) -> tuple[str, str]:
    return found["kind"], found["metadata"]["name"]


def templates() -> dict[str, str]:
    """Return the text of each template that is made, by its name: one for each kind of object."""
    base = {_identity(each): _lines(marked(each)) for each in _objects()}
    changes: dict[tuple[str, str], list[Hunk]] = {key: [] for key in base}
    texts: dict[str, list[str]] = {}
    added: list[tuple[str, tuple[str, str], list[str]]] = []
    for condition, component in OPTIONS.items():
        for each in _objects(component):
            key, lines = _identity(each), _lines(marked(each))
            if key in base:
                changes[key] += hunks(base[key], lines, condition)
            else:
                added.append((condition, key, lines))
    for (kind, name), lines in base.items():
        if (kind, name) != ("Namespace", NAMESPACE):  # Helm makes it
            body = list(filled(list(merged(lines, changes[kind, name]))))
            texts.setdefault(kind, []).append("\n".join(_within(".Values.gate.enabled", kind, body)))
    for condition, (kind, _), lines in added:
        whole = [f"{{{{- if {condition} }}}}", *filled(lines), "{{- end }}"]
        texts.setdefault(kind, []).append("\n".join(whole))
    return {f"{kind.lower()}.yaml": MADE + "\n---\n".join(each) + "\n" for kind, each in texts.items()}


def _within(condition: str, kind: str, lines: list[str]) -> list[str]:
    if kind != "ValidatingWebhookConfiguration":
        return lines
    return [f"{{{{- if {condition} }}}}", *lines, "{{- end }}"]


def _objects(*components: str) -> list[Manifest]:
    with tempfile.TemporaryDirectory() as folder:
        return compose(Path(folder), [MANIFESTS / "base"], [MANIFESTS / "components" / each for each in components])


def files() -> dict[str, str]:
    """Return the text of each file that is made, by its path in the chart."""
    found = values(_objects())
    head = "# Made by `make docs` from tests/packaging/chart_values.py.\n"
    return {
        "Chart.yaml": _about(),
        "values.yaml": head + commented(found),
        "values.schema.json": json.dumps(schema(found), indent=2) + "\n",
        "README.md": _page(found),
        **{f"templates/{name}": text for name, text in templates().items()},
    }


def _about() -> str:
    about = {
        "apiVersion": "v2",
        "name": "headroom",
        "description": "Keeps the memory that a Kubernetes cluster has promised below what it has",
        "type": "application",
        "version": webhook.__version__,
        "appVersion": webhook.__version__,
        "kubeVersion": ">=1.30.0-0",
        "home": "https://github.com/OWNER/headroom",
        "sources": ["https://github.com/OWNER/headroom"],
    }
    return yaml.safe_dump(about, sort_keys=False, width=200)


def _page(found: list[Value]) -> str:
    rows = (f"| `{each.path}` | {_shown(each.default)} | {each.sentence} |" for each in found)
    return "\n".join(
        [
            "# The Helm chart of Headroom",
            "",
            "[docs/install.md](../../docs/install.md#with-helm) says how to install, upgrade and remove it. It is made",
            "from [manifests/](../../manifests) by `make docs`; its defaults are those of `manifests/overlays/try`.",
            "",
            "| value | default | |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _shown(default: Any) -> str:
    return "in values.yaml" if isinstance(default, dict) and default else f"`{json.dumps(default)}`"


def write(chart: Path = CHART) -> None:
    """Write the chart, and remove templates that nothing makes any more."""
    made = files()
    for file in (chart / "templates").glob("*.yaml"):
        if file.read_text(encoding="utf-8").startswith(MADE) and f"templates/{file.name}" not in made:
            file.unlink()
    for name, text in made.items():
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
