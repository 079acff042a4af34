"""The bill of materials: what dpkg and Python's metadata say is there, in the form that CycloneDX asks for."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from devcluster.image.bill import Subject, bill
from image.dependencies import LEFT_OUT

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SUBJECT = Subject("localhost/headroom:0.1.0", f"sha256:{'a' * 64}", "0.1.0")
STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10
Description: a library
 of many lines

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of an image with a Debian package, one that was removed, and three distributions."""
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    ours = tmp_path / "opt/headroom/lib/python3.11/site-packages"
    _distribution(
        ours,
        "kubernetes",
        "37.0.2",
        "License: Apache License 2.0",
        "Requires-Dist: PyYAML>=6",
        "Requires-Dist: aiohttp",
    )
    _distribution(ours, "PyYAML", "6.0.3", "License-Expression: MIT", 'Requires-Dist: kubernetes; extra == "none"')
    _distribution(
        tmp_path / "usr/lib/python3/dist-packages", "some.thing", "1", "Classifier: License :: OSI Approved :: BSD"
    )
    return tmp_path


def _distribution(folder: Path, name: str, version: str, *lines: str) -> None:
    info = folder / f"{name.replace('.', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines, ""])
    )


def components(listed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["purl"]: each for each in listed["components"]}


def test_it_lists_what_is_installed_with_versions_and_licences(root: Path) -> None:
    found = components(bill(root, SUBJECT, NOW))
    assert set(found) == {
        "pkg:pypi/kubernetes@37.0.2",
        "pkg:pypi/pyyaml@6.0.3",
        "pkg:pypi/some-thing@1",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64",
    }
    assert found["pkg:pypi/pyyaml@6.0.3"]["licenses"] == [{"expression": "MIT"}]
    assert found["pkg:pypi/kubernetes@37.0.2"]["licenses"] == [{"license": {"name": "Apache License 2.0"}}]
    assert found["pkg:pypi/some-thing@1"]["licenses"] == [{"license": {"name": "BSD"}}]


def test_it_says_what_was_left_out_of_a_distribution_and_where_each_is(root: Path) -> None:
    found = components(bill(root, SUBJECT, NOW))
    told = [(each["name"], each["value"]) for each in found["pkg:pypi/kubernetes@37.0.2"]["properties"]]
    assert told == [
        ("headroom:path", "/opt/headroom/lib/python3.11/site-packages"),
        *(("headroom:left-out", name) for name in LEFT_OUT),
    ]


def test_it_says_what_needs_what(root: Path) -> None:
    needs = {each["ref"]: each["dependsOn"] for each in bill(root, SUBJECT, NOW)["dependencies"]}
    assert needs["pkg:pypi/kubernetes@37.0.2"] == ["pkg:pypi/pyyaml@6.0.3"]
    assert needs["pkg:pypi/pyyaml@6.0.3"] == []
    assert len(needs["image"]) == 4


def test_the_same_image_has_the_same_bill_but_for_the_time(root: Path) -> None:
    later = bill(root, SUBJECT, NOW.replace(hour=13))
    assert later["metadata"].pop("timestamp") == "2026-11-30T13:00:00+00:00"
    first = bill(root, SUBJECT, NOW)
    first["metadata"].pop("timestamp")
    assert later == first


def test_it_is_cyclonedx(root: Path) -> None:
    """By the schema of CycloneDX itself, as its library ships it, with the two schemas that it refers to."""
    schemas = {f"http://cyclonedx.org/schema/{name}": json.loads(text) for name, text in _schemas()}
    registry = jsonschema_rs.Registry([*schemas.items(), *((each["$id"], each) for each in schemas.values())])
    whole = next(iter(schemas.values()))
    validator = jsonschema_rs.validator_for(whole, registry=registry)
    listed = bill(root, SUBJECT, NOW)
    validator.validate(listed)
    with pytest.raises(jsonschema_rs.ValidationError):
        validator.validate(listed | {"serialNumber": "none"})


def _schemas() -> Iterator[tuple[str, str]]:
    folder = resources.files("cyclonedx.schema._res")
    for name in ("bom-1.6.SNAPSHOT.schema.json", "spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"):
        yield name, (folder / name).read_text()
