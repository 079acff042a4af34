"""The software bill of materials of an image, by CycloneDX 1.6: what is in its file system, not what was asked for.

It lists Debian's packages (dpkg's own record) and Python's distributions (their metadata), with licences as these say.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from image.dependencies import LEFT_OUT

VERSION: Final = "1.6"
PYTHON: Final = (
    "opt/headroom/lib/python3*/site-packages",
    "usr/lib/python3/dist-packages",
    "usr/local/lib/python3*/site-packages",
)
_STATUS: Final = "var/lib/dpkg/status"


class Subject(NamedTuple):
    """The image that the bill is of: its name, the digest of its manifest (sha256:…), its version."""

    name: str
    digest: str
    version: str


def bill(root: Path, subject: Subject, now: datetime) -> dict[str, Any]:
    """Return the bill of the image whose root file system is at `root`; `now` has a time zone."""
    name = subject.name.rpartition("/")[2].partition(":")[0]
    image = {
        "type": "container",
        "bom-ref": "image",
        "name": name,
        "version": subject.version,
        "purl": f"pkg:oci/{name}@{quote(subject.digest, safe='')}",
    }
    python, debian = list(_python(root)), list(_debian(root))
    components = [*(each.component for each in python), *debian]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": VERSION,
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, subject.digest).urn,
        "version": 1,
        "metadata": {
            "timestamp": now.isoformat(timespec="seconds"),
            "lifecycles": [{"phase": "post-build"}],
            "component": image,
        },
        "components": components,
        "dependencies": [
            {"ref": "image", "dependsOn": [each["bom-ref"] for each in components]},
            *_needs(python),
        ],
    }


class _Found(NamedTuple):
    component: dict[str, Any]
    needs: frozenset[str]


def _python(root: Path) -> Iterator[_Found]:
    seen = set()
    for folder in (path for pattern in PYTHON for path in sorted(root.glob(pattern))):
        for each in sorted(distributions(path=[str(folder)]), key=lambda one: canonical(one.name)):
            purl = f"pkg:pypi/{canonical(each.name)}@{each.version}"
            if purl not in seen:
                seen.add(purl)
                yield _Found(_component(each, purl, f"/{folder.relative_to(root)}"), _requirements(each))


def _component(each: Distribution, purl: str, place: str) -> dict[str, Any]:
    found = {"type": "library", "bom-ref": purl, "name": canonical(each.name), "version": each.version, "purl": purl}
    properties = [{"name": "headroom:path", "value": place}]
    if each.name == "kubernetes" and place.startswith("/opt/headroom"):
        properties += [{"name": "headroom:left-out", "value": name} for name in LEFT_OUT]
    return found | _licences(each) | {"properties": properties}


def _licences(each: Distribution) -> dict[str, Any]:
    expression = _field(each, "License-Expression")
    if expression:
        return {"licenses": [{"expression": expression}]}
    text = _field(each, "License")
    classified = (line for line in each.metadata.get_all("Classifier", []) if line.startswith("License ::"))
    name = text if text and "\n" not in text else next(classified, "").rpartition(" :: ")[2]
    return {"licenses": [{"license": {"name": name}}]} if name else {}


def _field(each: Distribution, name: str) -> str:
    return next(iter(each.metadata.get_all(name, [])), "")


def _requirements(each: Distribution) -> frozenset[str]:
    lines = (line for line in each.requires or [] if "extra" not in line.partition(";")[2])
    return frozenset(canonical(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in lines)


def _needs(python: Iterable[_Found]) -> list[dict[str, Any]]:
    found = list(python)
    refs = {each.component["name"]: each.component["bom-ref"] for each in reversed(found)}
    return [
        {"ref": each.component["bom-ref"], "dependsOn": sorted(refs[name] for name in each.needs if name in refs)}
        for each in found
    ]


def canonical(name: str) -> str:
    """The normalized name of a distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _debian(root: Path) -> Iterator[dict[str, Any]]:
    status = root / _STATUS
    if not status.is_file():
        return
    for paragraph in status.read_text(encoding="utf-8", errors="replace").split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            name, version, machine = fields["Package"], fields["Version"], fields["Architecture"]
            purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={machine}"
            yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
