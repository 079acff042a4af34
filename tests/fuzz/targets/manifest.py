"""Manifests: every file is reported on, in lines that a terminal can show."""

import json
from collections.abc import Iterable
from pathlib import Path

import yaml

from webhook.core.manifests.documents import ManifestError
from webhook.core.manifests.manifest import Content, Item, Other, contents, holdings
from webhook.core.manifests.output import data as as_data
from webhook.core.manifests.output import reasons, table
from webhook.core.manifests.settings import LimitRange, RuntimeClass
from webhook.core.reviews.messages import printable

WORDS = (
    b"apiVersion: ", b"kind: ", b"Pod", b"Deployment", b"apps/v1", b"batch/v1", b"List", b"spec:", b"template:",
    b"containers:", b"replicas: ", b"resources: {requests: {memory: ", b"---\n", b"&a ", b"*a", b"<<: ", b"!!binary ",
    b"1e999999999", b"0x", b".inf", b'{"', b'"kind":"', b"\\ud800", b"\\e[31m", b"2001-99-99",
)  # fmt: skip
_ROOT = Path(__file__).parents[3]


def seeds() -> Iterable[bytes]:
    """Yield manifests of each kind, as YAML and as JSON."""
    yield (_ROOT / "tests/data/footprint.yaml").read_bytes()
    for path in sorted((_ROOT / "tests/data/footprints").glob("*.json")):
        pod = json.loads(path.read_bytes()).get("pod", {})
        yield json.dumps({"apiVersion": "v1", "kind": "Pod"} | pod).encode()
    yield b"apiVersion: v1\nkind: Pod\nmetadata: &m {name: a}\nspec: {containers: [{name: x, resources: &r {}}]}\n"
    yield b'{"apiVersion":"a.b/c","kind":"X","spec":{"template":{"spec":{"containers":[{"name":"c"}]}}}}{}'
    yield b"a: &a [1, 1]\nb: &b [*a, *a]\nc: {<<: [{x: 1}], !!str 1: 0x1F}\n"


def check(data: bytes) -> None:
    """Read the input as `headroom footprint` does, and lay the report out in each form."""
    found = [*contents(data, guess=True)]
    for each in found:
        _check_one(each)
    items = [each for each in found if isinstance(each, Item)]
    counted = holdings(items, [each for each in found if isinstance(each, LimitRange | RuntimeClass)])
    assert len(counted.holdings) + len(counted.with_controllers) == len(items)
    for line in (*table(counted.holdings), *(line for each in counted.holdings for line in reasons(each))):
        assert line.isprintable()
    rows = as_data(counted.holdings)
    assert json.loads(json.dumps(rows)) == rows
    yaml.dump(rows, Dumper=yaml.CSafeDumper).encode() if len(rows) < 100 else None
    assert all(each.memory.requests.total >= 0 and each.cpu.requests.total >= 0 for each in counted.holdings)


def _check_one(each: Content) -> None:
    match each:
        case ManifestError():
            shown = printable(str(each), 1_000)
            assert shown.isprintable()
            assert shown.encode()
        case Other():
            assert printable(each.kind, 60).encode()
