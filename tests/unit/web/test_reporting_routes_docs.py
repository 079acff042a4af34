"""docs/rest.md names every route, and its examples are what the application answers.

`python -m tests.unit.web.test_reporting_routes_docs` writes the examples.
"""

import asyncio
import json
from pathlib import Path

from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from tests.support.http import FakeServer
from tests.support.reports import GI, FixedReport, Reports, group, node, pod, scope, sources
from webhook.core.reporting.query import COLLECTIONS
from webhook.http.pulse import Pulse
from webhook.web.answers import Answers
from webhook.web.reporting import reporting
from webhook.web.reporting_routes import create_reporting_app
from webhook.web.sources import Sources

DOC = Path(__file__).parents[3] / "docs" / "rest.md"
BEGIN, END = "<!-- examples: begin -->\n", "<!-- examples: end -->\n"
LATER = {"denials", "blocked"}  # without records of refusals there are no such routes
PATHS = (
    "/",
    "/pod-metrics",
    "/probes",
    "/api/v1/commitment",
    "/api/v1/pools?limit=1",
    "/api/v1/nodes?sortBy=-memory.requestsRatio&limit=1",
    "/api/v1/nodes?limt=1",
    "/api/v1/groups?label=zone&limit=1",
    "/api/v1/namespaces?sortBy=-memory.requests&limit=1",
    "/api/v1/workloads?namespace=bank",
    "/api/v1/pods?node=node-2",
    "/api/v1/config",
)


def given() -> Sources:
    """Return a small cluster."""
    usage = {
        "items": [
            {
                "metadata": {"name": "web-7d4b9c-x2x4p", "namespace": "shop"},
                "containers": [{"name": "app", "usage": {"cpu": "2500000n", "memory": "182Mi"}}],
            }
        ]
    }
    report = FixedReport(
        node_rows=(node("node-1", pool="general"), node("node-2", requests=5, limits=12, pool="gpu")),
        scope_rows=(scope(), scope("gpu", -GI)),
        workload_rows=(group("StatefulSet", "db", 3, namespace="bank", unbounded_containers=1),),
        pod_rows=(pod("web-7d4b9c-x2x4p", node="node-1"), pod("db-0", "bank", node="node-2", workload_name="db")),
    )
    return sources(Reports(report), usage=lambda: json.dumps(usage).encode())


def client(shown: Sources) -> FlaskClient:
    return create_reporting_app(
        Answers(shown, spent=lambda: 0.0), shown, CollectorRegistry(), lambda: None, lambda: None
    ).test_client()


def examples() -> str:
    """Return every example as Markdown."""
    asked = client(given())
    made = [_example(asked, path) for path in PATHS]
    return "\n".join([*made, _events()])


def _example(asked: FlaskClient, path: str) -> str:
    answer = asked.get(path)
    status = "" if answer.status_code == 200 else f" answers {answer.status}"
    body = json.dumps(answer.get_json(), indent=2, ensure_ascii=False)
    return f"`GET {path}`{status}\n\n```json\n{body}\n```\n"


def _events() -> str:
    async def first() -> str:
        with FakeServer(reporting(given(), CollectorRegistry(), lambda: None, Pulse())).connect(secure=False) as client:
            client.send(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(60):
                while not client.received.endswith(b"}\n\n"):  # noqa: ASYNC110 - a thread makes it
                    await asyncio.sleep(0.01)
            return client.received.partition(b"\r\n\r\n")[2].decode().strip()

    return f"`GET /api/v1/events`, the first event\n\n```text\n{asyncio.run(first())}\n```\n"


def with_examples(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}{examples()}{END}{rest.partition(END)[2]}"


def test_the_examples_are_what_is_answered() -> None:
    assert DOC.read_text() == with_examples(DOC.read_text()), "run: python -m tests.unit.web.test_reporting_routes_docs"


def test_every_route_is_named() -> None:
    text, asked = DOC.read_text(), client(given())
    paths = asked.get("/openapi.json").get_json()["paths"]
    assert [path for path in paths if f"`{path}`" not in text] == []
    for name, collection in COLLECTIONS.items():
        if name in LATER:
            continue
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `/api/v1/{name}`")]
        assert [each.parameter.name for each in collection.filters if f"`{each.parameter.name}`" not in row] == []


if __name__ == "__main__":
    DOC.write_text(with_examples(DOC.read_text()))
