"""A directory is brought to what was asked for, and what is good in it stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import names
from certs.authority import AUTHORITY_LIFE, SERVING_LIFE
from certs.directory import Directory
from certs.issuing import Held, hold_authority, hold_serving
from certs.names import Names
from certs.renewal import Reason

NOW = datetime(2026, 7, 1, tzinfo=UTC)
NAMES = names.parse(["a.test"], ["127.0.0.1"])


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


def hold(directory: Directory, now: datetime = NOW, asked: Names = NAMES) -> tuple[Held, Held]:
    authority = hold_authority(directory, "test-ca", now)
    return authority, hold_serving(directory, authority.pair, asked, now, SERVING_LIFE)


def reasons(held: tuple[Held, Held]) -> tuple[Reason | None, Reason | None]:
    return held[0].made, held[1].made


def contents(directory: Directory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.path.iterdir() if path.is_file()}


def test_both_are_made_and_then_kept(directory: Directory) -> None:
    assert reasons(hold(directory)) == (Reason.MISSING, Reason.MISSING)
    before = contents(directory)
    assert reasons(hold(directory)) == (None, None)
    assert contents(directory) == before


def test_other_names_need_another_certificate_of_the_same_authority(directory: Directory) -> None:
    hold(directory)
    assert reasons(hold(directory, asked=names.parse(["b.test"], []))) == (None, Reason.NAMES)


def test_a_certificate_near_its_end_is_renewed_by_the_same_authority(directory: Directory) -> None:
    hold(directory)
    assert reasons(hold(directory, NOW + SERVING_LIFE * 2 / 3)) == (None, Reason.NEAR_END)


def test_anew_replaces_what_is_good_and_what_cannot_be_read(directory: Directory) -> None:
    authority, serving = hold(directory)
    again = hold_serving(directory, authority.pair, NAMES, NOW, SERVING_LIFE, reissue=True)
    assert again.made == Reason.ASKED
    assert again.pair.certificate != serving.pair.certificate
    (directory.path / "tls.key").write_text("garbage")
    assert hold_serving(directory, authority.pair, NAMES, NOW, SERVING_LIFE, reissue=True).made == Reason.ASKED


def test_a_new_authority_stands_beside_the_old_until_that_expires(directory: Directory) -> None:
    (old, _), (new, serving) = hold(directory), hold(directory, NOW + AUTHORITY_LIFE * 2 / 3)
    assert (new.made, serving.made) == (Reason.NEAR_END, Reason.NOT_SIGNED)
    assert directory.trusted == (new.pair.certificate, old.pair.certificate)
    later = NOW + AUTHORITY_LIFE * 4 / 3
    newest, _ = hold(directory, later)
    assert directory.trusted == (newest.pair.certificate, new.pair.certificate)


@pytest.mark.parametrize("lost", ["ca.key", "ca.crt"])
def test_a_lost_half_of_the_authority_means_a_new_one(directory: Directory, lost: str) -> None:
    old, _ = hold(directory)
    (directory.path / lost).unlink()
    new, serving = hold(directory, NOW + timedelta(days=1))
    assert (new.made, serving.made) == (Reason.MISSING, Reason.NOT_SIGNED)
    assert (old.pair.certificate in directory.trusted) == (lost == "ca.key")


def test_a_crash_between_the_files_is_mended(directory: Directory) -> None:
    hold(directory)
    before = contents(directory)
    hold_authority(Directory(directory.path / "other"), "test-ca", NOW)
    for name, reason in (("ca.key", (Reason.MISMATCHED, Reason.NOT_SIGNED)), ("tls.key", (None, Reason.MISMATCHED))):
        (directory.path / name).write_bytes((directory.path / "other" / "ca.key").read_bytes())
        assert reasons(hold(directory)) == reason
    assert contents(directory)["tls.key"] != before["tls.key"]
