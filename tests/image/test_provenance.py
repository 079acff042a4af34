"""The provenance: a statement of the shape of in-toto and SLSA that says no more than what is known."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from devcluster.image.provenance import Facts, digests, statement

FACTS = Facts(
    name="localhost/headroom:0.1.0",
    digest=f"sha256:{'a' * 64}",
    base="localhost/base:1",
    base_digest=f"sha256:{'b' * 64}",
    commit="c" * 40,
    changed=False,
    files={"Dockerfile": f"sha256:{'d' * 64}"},
    finished=datetime(2026, 11, 30, 12, 1, tzinfo=UTC),
    seconds=60.0,
)


def test_it_names_the_image_and_what_it_was_made_of() -> None:
    said = statement(FACTS)
    assert (said["_type"], said["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert said["subject"] == [{"name": FACTS.name, "digest": {"sha256": "a" * 64}}]
    definition = said["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["buildArguments"] == {"BASE_IMAGE": "localhost/base:1"}
    source, base, file = definition["resolvedDependencies"]
    assert source["digest"] == {"gitCommit": "c" * 40}
    assert base == {"name": "localhost/base:1", "digest": {"sha256": "b" * 64}}
    assert file == {"name": "Dockerfile", "digest": {"sha256": "d" * 64}}
    times = said["predicate"]["runDetails"]["metadata"]
    assert times == {"startedOn": "2026-11-30T12:00:00Z", "finishedOn": "2026-11-30T12:01:00Z"}


@pytest.mark.parametrize("changed", [True, False])
def test_it_says_whether_the_commit_is_all_that_was_built(changed: bool) -> None:
    said = statement(FACTS._replace(changed=changed))
    assert said["predicate"]["buildDefinition"]["internalParameters"] == {"uncommittedChanges": changed}


def test_without_a_checkout_it_names_no_commit() -> None:
    said = statement(FACTS._replace(commit=None))
    assert "digest" not in said["predicate"]["buildDefinition"]["resolvedDependencies"][0]


def test_it_holds_the_files_that_decide_what_is_fetched(checkout: Path, tmp_path: Path) -> None:
    found = digests(checkout)
    decide = {"Dockerfile", "requirements.txt", "image/hashes.txt", "image/building.txt", "pyproject.toml"}
    assert decide == set(found)
    for name in found:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("other")
    assert not set(digests(tmp_path).values()) & set(found.values())
