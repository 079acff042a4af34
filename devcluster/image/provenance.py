"""Says what an image was made of and how, as an in-toto statement with a predicate of SLSA provenance 1.

It is not signed: it is what the builder says of itself, and proves nothing to somebody who does not trust the builder.
"""

import hashlib
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from webhook import __version__

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "https://github.com/OWNER/headroom/blob/main/docs/image.md#provenance"
BUILDER: Final = "https://github.com/OWNER/headroom/blob/main/docs/image.md#unsigned"

# What the build reads, beside the base and the packages that it fetches.
_FILES: Final = ("Dockerfile", "requirements.txt", "image/hashes.txt", "image/building.txt", "pyproject.toml")


class Facts(NamedTuple):
    """What is known of a build. Digests are of the form sha256:…; times have a time zone."""

    name: str
    digest: str
    base: str
    base_digest: str
    commit: str | None
    changed: bool
    files: dict[str, str]
    finished: datetime
    seconds: float


def statement(facts: Facts) -> dict[str, Any]:
    """Return the statement."""
    source = {"uri": "git+https://github.com/OWNER/headroom"}
    return {
        "_type": STATEMENT,
        "subject": [{"name": facts.name, "digest": _split(facts.digest)}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"dockerfile": "Dockerfile", "buildArguments": {"BASE_IMAGE": facts.base}},
                "internalParameters": {"uncommittedChanges": facts.changed},
                "resolvedDependencies": [
                    source | ({"digest": {"gitCommit": facts.commit}} if facts.commit else {}),
                    {"name": facts.base, "digest": _split(facts.base_digest)},
                    *({"name": name, "digest": _split(digest)} for name, digest in facts.files.items()),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"headroom": __version__, "buildah": _buildah()}},
                "metadata": {
                    "startedOn": _time(facts.finished - timedelta(seconds=facts.seconds)),
                    "finishedOn": _time(facts.finished),
                },
            },
        },
    }


def digests(checkout: Path) -> dict[str, str]:
    """Return the digests of the files that decide what is fetched, by name."""
    return {name: f"sha256:{hashlib.sha256((checkout / name).read_bytes()).hexdigest()}" for name in _FILES}


def _split(digest: str) -> dict[str, str]:
    kind, _, value = digest.partition(":")
    return {kind: value}


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _buildah() -> str:
    done = subprocess.run(["buildah", "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip().removeprefix("buildah version ")
