"""Writes Grafana's dashboard, manifests/components/monitoring/dashboard.json: `python -m tests.packaging.dashboard`.

Each panel is a few lines of a table here; the JSON around them is the same for all. In expressions, `{S}` stands for
the labels that choose a scope, `{N}` for those that choose nodes, `{C}` for those of all else.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

DASHBOARD = Path(__file__).parents[2] / "manifests" / "components" / "monitoring" / "dashboard.json"
UID = "headroom"

Json = dict[str, Any]

_CLUSTER = 'cluster=~"$cluster"'
_SELECTORS = {
    "{C}": f"{{{_CLUSTER}}}",
    "{S}": f'{{{_CLUSTER}, scope=~"cluster|$pool"}}',
    "{N}": f'{{{_CLUSTER}, pool=~"$pool"}}',
}
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24


class Panel(NamedTuple):
    """One panel: `queries` are pairs of a legend and an expression; `width` is of 24."""

    title: str
    kind: str
    unit: str
    queries: list[tuple[str, str]]
    width: int = 12
    height: int = 8
    about: str = ""


def most(name: str, by: str = "scope", labels: str = "{S}") -> str:
    """Return a figure that every replica exports alike."""
    return f"max by (cluster, {by}) ({name}{labels})"


def load(resource: str, kind: str, unit: str) -> Panel:
    """Return the panel of one sum against its threshold."""
    name = f"headroom_scope_{resource}_{kind}"
    called = f"{'CPU' if resource == 'cpu' else resource.capitalize()} {kind}"
    return Panel(
        f"{called} against the threshold",
        "timeseries",
        "bytes" if unit == "bytes" else "short",
        [
            ("{{scope}} committed", most(f"{name}_{unit}")),
            ("{{scope}} threshold", most(f"{name}_bound_{unit}")),
            ("{{scope}} threshold without the largest node", most(f"{name}_bound_without_largest_{unit}")),
            ("{{scope}} allocatable", most(f"headroom_scope_{resource}_allocatable_{unit}")),
        ],
        about="The threshold is read from Headroom, less the reserve for nodes that can be lost.",
    )


def share(kind: str) -> str:
    """Return what is committed of memory, as a share of the threshold."""
    name = f"headroom_scope_memory_{kind}"
    return f"{most(f'{name}_bytes')} / {most(f'{name}_bound_bytes')}"


def days(kind: str) -> str:
    """Return the days until the committed memory reaches the threshold, along a line through the last day."""
    name = f"headroom_scope_memory_{kind}"
    left = f"{most(f'{name}_bound_bytes')} - {most(f'{name}_bytes')}"
    growth = f"max by (cluster, scope) (deriv({name}_bytes{{S}}[1d]))"
    return f"({left}) / ({growth} > 0) / 86400"


def rate(name: str, by: str, labels: str = "{C}") -> str:
    """Return how often something happens per second, over all replicas."""
    return f"sum by (cluster, {by}) (rate({name}{labels}[$__rate_interval]))"


def latency(share_: str) -> str:
    """Return the time that a share of the reviews takes at most."""
    buckets = "rate(headroom_admission_duration_seconds_bucket{C}[$__rate_interval])"
    return f"histogram_quantile({share_}, sum by (cluster, le) ({buckets}))"


def fullest() -> str:
    """Return the share of allocatable memory that is requested on the nodes where it is highest."""
    held, room = (
        most(f"headroom_node_memory_{what}_bytes", "node, pool", "{N}") for what in ("requests", "allocatable")
    )
    return f"topk(10, {held} / ({room} > 0))"


ROWS: dict[str, list[Panel]] = {
    "Now": [
        Panel(
            "Committed, of the threshold",
            "gauge",
            "percentunit",
            [("{{scope}} requests", share("requests")), ("{{scope}} limits", share("limits"))],
            6,
            6,
            "Memory. At 100% Headroom refuses what would add to it.",
        ),
        Panel(
            "Days to the threshold",
            "stat",
            "d",
            [("{{scope}} requests", days("requests")), ("{{scope}} limits", days("limits"))],
            6,
            6,
            "If memory grows as in the last day. No data: it does not grow.",
        ),
        Panel(
            "Blocked workloads",
            "stat",
            "short",
            [("blocked", most("headroom_blocked_workloads", "namespace", "{C}"))],
            4,
            6,
            "Owners whose pods were refused and that still lack them.",
        ),
        Panel(
            "Nodes that count",
            "stat",
            "short",
            [
                ("count", "sum by (cluster) (max by (cluster, node, pool) (headroom_node_counted{N}))"),
                ("do not count", "count by (cluster) (max by (cluster, node, pool) (headroom_node_counted{N}) == 0)"),
            ],
            4,
            6,
            "A node that is cordoned, not Ready or tainted away does not count.",
        ),
        Panel("Replicas that can judge", "stat", "short", [("ready", "sum by (cluster) (headroom_ready{C})")], 4, 6),
    ],
    "Committed": [
        load("memory", "requests", "bytes"),
        load("memory", "limits", "bytes"),
        load("cpu", "requests", "cores"),
        load("cpu", "limits", "cores"),
    ],
    "Who holds it": [
        Panel(
            "Memory requests by namespace",
            "timeseries",
            "bytes",
            [("{{namespace}}", f"topk(10, {most('headroom_namespace_memory_requests_bytes', 'namespace', '{C}')})")],
            about="The ten largest.",
        ),
        Panel(
            "Memory limits by namespace",
            "timeseries",
            "bytes",
            [("{{namespace}}", f"topk(10, {most('headroom_namespace_memory_limits_bytes', 'namespace', '{C}')})")],
            about="The ten largest; containers without a limit count nothing here.",
        ),
        Panel(
            "Fullest nodes, requests of allocatable",
            "timeseries",
            "percentunit",
            [
                (
                    "{{node}}",
                    fullest(),
                )
            ],
        ),
        Panel(
            "Nodes that do not count",
            "table",
            "short",
            [("{{node}}", f"{most('headroom_node_counted', 'node, pool, reason', '{N}')} == 0")],
        ),
        Panel(
            "Pods without a memory limit",
            "timeseries",
            "short",
            [("{{scope}}", most("headroom_scope_memory_unbounded_pods"))],
        ),
        Panel(
            "Pods that nobody reviewed",
            "timeseries",
            "short",
            [("{{reason}}", most("headroom_unreviewed_pods", "reason", "{C}"))],
        ),
    ],
    "Decisions": [
        Panel(
            "Reviews per second",
            "timeseries",
            "reqps",
            [("{{verdict}}", rate("headroom_admission_reviews_total", "verdict"))],
        ),
        Panel(
            "Refusals per second, by reason",
            "timeseries",
            "reqps",
            [
                (
                    "{{reason}}",
                    rate("headroom_admission_reviews_total", "reason", '{cluster=~"$cluster", verdict="deny"}'),
                )
            ],
        ),
        Panel(
            "Time for a review", "timeseries", "s", [("median", latency("0.5")), ("99th percentile", latency("0.99"))]
        ),
        Panel(
            "Calls of the API server that failed, per second",
            "timeseries",
            "reqps",
            [
                (
                    "{{name}}",
                    rate(
                        "apiserver_admission_webhook_rejection_count",
                        "name",
                        '{cluster=~"$cluster", name=~".+headroom.internal", error_type="calling_webhook_error"}',
                    ),
                )
            ],
            about="From the API server's own metrics. No data: none failed since it started.",
        ),
    ],
    "Health": [
        Panel(
            "Age of the view",
            "timeseries",
            "s",
            [("{{instance}} {{resource}}", "time() - headroom_watch_last_event_timestamp_seconds{C}")],
            about="Since a watch last received anything; an idle API server sends a bookmark each minute.",
        ),
        Panel(
            "Writes of the shared object, per second",
            "timeseries",
            "ops",
            [("{{outcome}}", rate("headroom_booking_writes_total", "outcome"))],
        ),
        Panel(
            "Time until the certificate expires",
            "stat",
            "s",
            [("certificate", "min by (cluster) (headroom_certificate_expiry_timestamp_seconds{C}) - time()")],
            8,
            6,
        ),
        Panel(
            "Configuration",
            "table",
            "short",
            [("{{hash}}", "count by (cluster, mode, hash) (headroom_config_info{C})")],
            8,
            6,
            "Replicas by the configuration that applies there.",
        ),
        Panel(
            "Last edit of the configuration valid",
            "stat",
            "bool_yes_no",
            [("valid", "min by (cluster) (headroom_config_last_reload_success{C})")],
            8,
            6,
        ),
    ],
}


def dashboard() -> Json:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": UID,
        "title": "Headroom",
        "description": "What the cluster has promised, beside what it may promise.",
        "tags": ["headroom", "kubernetes"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": _variables()},
        "panels": list(_panels(ROWS.items())),
    }


def _variables() -> list[Json]:
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0}
    return [
        source,
        _variable("cluster", "Cluster", "label_values(headroom_build_info, cluster)"),
        _variable("pool", "Pool", 'label_values(headroom_node_counted{cluster=~"$cluster"}, pool)'),
    ]


def _variable(name: str, label: str, query: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(rows: Iterable[tuple[str, list[Panel]]]) -> Iterator[Json]:
    number = x = y = 0
    for title, panels in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": _place(0, y, _WIDTH, 1),
            "panels": [],
        }
        x, y, lowest = 0, y + 1, y + 1
        for panel in panels:
            if x + panel.width > _WIDTH:
                x, y = 0, lowest
            number += 1
            yield _panel(number, panel, _place(x, y, panel.width, panel.height))
            x, lowest = x + panel.width, max(lowest, y + panel.height)
        y = lowest


def _place(x: int, y: int, width: int, height: int) -> Json:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(number: int, panel: Panel, place: Json) -> Json:
    table = panel.kind == "table"
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": _OPTIONS.get(panel.kind, {}),
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": _expression(expression),
                "legendFormat": legend,
                "instant": table,
                "range": not table,
                "format": "table" if table else "time_series",
            }
            for index, (legend, expression) in enumerate(panel.queries)
        ],
    }


_LAST = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
_OPTIONS: dict[str, Json] = {
    "stat": _LAST,
    "gauge": _LAST,
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
}


def _expression(text: str) -> str:
    for short, selector in _SELECTORS.items():
        text = text.replace(short, selector)
    return text


def text() -> str:
    """Return what the file has."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    DASHBOARD.write_text(text(), encoding="utf-8")
