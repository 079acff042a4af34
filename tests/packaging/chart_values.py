"""The values of the Helm chart, each with its default, a sentence and its schema: what `chart.py` writes them from."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Object = dict[str, Any]

ROOT = Path(__file__).parents[2]
NAMES: Object = {"type": "array", "items": {"type": "string", "minLength": 1}}
BOOLEAN: Object = {"type": "boolean"}
STRING: Object = {"type": "string"}
CERTIFICATES = ("self", "cert-manager", "files")


class Value(NamedTuple):
    """One value: where it stands, what it is if nothing is said, what it does, and what is accepted."""

    path: str
    default: Any
    sentence: str
    schema: Object


def choice(*words: str) -> Object:
    """Return the schema of one of these words."""
    return {"enum": list(words)}


def values(base: list[Object]) -> list[Value]:
    """Return all values; those that the manifests have too are taken from there."""
    (deployment,) = (each for each in base if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return [
        Value("image.repository", "headroom", "The image, without its tag: your registry's copy.", STRING),
        Value("image.tag", "", "The image's tag; if empty, the version that the chart is of.", STRING),
        Value(
            "image.pullPolicy",
            container["imagePullPolicy"],
            "When a node pulls the image.",
            choice("Always", "IfNotPresent", "Never"),
        ),
        Value("image.pullSecrets", [], "Names of Secrets to pull the image with.", NAMES),
        Value(
            "replicas",
            deployment["spec"]["replicas"],
            "How many replicas share the thresholds.",
            {"type": "integer", "minimum": 1},
        ),
        Value("resources", container["resources"], "What a replica requests and may use.", {"type": "object"}),
        Value("extraArgs", [], "More arguments of `headroom serve`, such as --log-format=json.", NAMES),
        Value(
            "config",
            _config(base) | {"mode": "warn"},
            "The configuration (docs/configuration.md); null removes a default.",
            _config_schema(),
        ),
        Value("gate.enabled", True, "Whether the API server asks Headroom about new pods at all.", BOOLEAN),
        Value(
            "gate.failurePolicy",
            "Ignore",
            "What becomes of a pod while Headroom is away: Fail refuses it, Ignore lets it in.",
            choice("Fail", "Ignore"),
        ),
        Value(
            "gate.excludedNamespaces",
            [],
            "Namespaces beside kube-system and Headroom's own about which it is never asked.",
            NAMES,
        ),
        Value(
            "certificates",
            CERTIFICATES[0],
            "Where the serving certificate comes from: Headroom itself, cert-manager, or files in the Secret"
            " headroom-tls (the gate's caBundle is then yours to write).",
            choice(*CERTIFICATES),
        ),
        Value(
            "mtls",
            False,
            "Whether only an API server with a client certificate is answered (its authority: ConfigMap"
            " headroom-client-ca).",
            BOOLEAN,
        ),
        Value(
            "monitoring.enabled",
            False,
            "Whether there are a ServiceMonitor, alerts and a dashboard, for the Prometheus Operator and Grafana.",
            BOOLEAN,
        ),
        Value(
            "monitoring.labels",
            {},
            "Labels by which your Prometheus chooses ServiceMonitors and PrometheusRules.",
            {"type": "object", "additionalProperties": STRING},
        ),
        Value("flowSchema", True, "Whether Headroom's own requests have a priority level of their own.", BOOLEAN),
        Value("reviewBindings", False, "Whether bindings are reviewed too, for clusters with pools.", BOOLEAN),
        Value("nudge", False, "The rights that `nudge: true` in the configuration needs.", BOOLEAN),
        Value("reportingAuth", False, "The rights that asking who reads reports needs.", BOOLEAN),
        Value(
            "networkPolicy.apiServers",
            [],
            "CIDRs from which alone reviews are accepted; if empty, from anywhere.",
            NAMES,
        ),
    ]


def _config(base: list[Object]) -> Object:
    (text,) = (
        each["data"]["config.yaml"]
        for each in base
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "headroom-config"
    )
    config: Object = yaml.safe_load(text)
    return {key: value for key, value in config.items() if key not in {"apiVersion", "kind"}}


def _config_schema() -> Object:
    """Return the schema of the configuration, without what the chart itself writes."""
    schema: Object = json.loads((ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8"))
    for key in ("apiVersion", "kind"):
        schema["properties"].pop(key)
    schema["required"] = [each for each in schema.get("required", []) if each not in {"apiVersion", "kind"}]
    plain: Object = _without_lookahead({key: value for key, value in schema.items() if not key.startswith("$")})
    return plain


def _without_lookahead(schema: Any) -> Any:
    """Leave out patterns that Helm cannot read, because Go's are simpler. Headroom itself checks all of them."""
    if isinstance(schema, list):
        return [_without_lookahead(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    unknown = ("(?=", r"\u")
    return {
        key: _without_lookahead(value)
        for key, value in schema.items()
        if not (key == "pattern" and any(each in value for each in unknown))
    }


def nested(found: list[Value]) -> Object:
    """Return the defaults as one tree."""
    tree: Object = {}
    for value in found:
        *groups, name = value.path.split(".")
        inner = tree
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = value.default
    return tree


def schema(found: list[Value]) -> Object:
    """Return the JSON schema of all values; a value that there is not is refused."""
    root: Object = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_group(), "title": "headroom"}
    root["properties"]["global"] = {"type": "object"}  # Helm itself adds it
    for value in found:
        *groups, name = value.path.split(".")
        inner = root
        for group in groups:
            inner = inner["properties"].setdefault(group, _group())
        inner["properties"][name] = {**value.schema, "description": value.sentence}
    return root


def _group() -> Object:
    return {"type": "object", "properties": {}, "additionalProperties": False}


def commented(found: list[Value]) -> str:
    """Return values.yaml: each default below its sentence."""
    lines: list[str] = []
    open_groups: list[str] = []
    for value in found:
        *groups, name = value.path.split(".")
        if groups != open_groups:
            lines += ["", *(f"{group}:" for group in groups)] if groups else [""]
        open_groups = groups
        pad = "  " * len(groups)
        dumped = yaml.safe_dump({name: value.default}, sort_keys=False).rstrip("\n").split("\n")
        lines += [f"{pad}# {value.sentence}", *(f"{pad}{line}" for line in dumped)]
    return "\n".join(lines).lstrip("\n") + "\n"
