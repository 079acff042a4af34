"""Files are written whole, with the right modes, and are read back as what they were."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs import names
from certs.authority import issue, make_authority
from certs.directory import Directory

NOW = datetime(2026, 7, 1, tzinfo=UTC)
AUTHORITY = make_authority("test-ca", NOW)
SERVING = issue(AUTHORITY, names.parse(["a.test"], []), NOW)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    directory = Directory(tmp_path / "new" / "tls")
    directory.save_authority(AUTHORITY, (AUTHORITY.certificate,))
    directory.save_serving(SERVING)
    return directory


def test_an_empty_directory_holds_nothing(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    assert (directory.authority, directory.serving, directory.trusted) == (None, None, ())


def test_what_was_written_is_read_back(directory: Directory) -> None:
    assert directory.authority is not None
    assert directory.serving is not None
    assert directory.authority.certificate == AUTHORITY.certificate
    assert directory.serving.certificate == SERVING.certificate
    assert directory.authority.matches
    assert directory.serving.matches
    assert directory.trusted == (AUTHORITY.certificate,)


def test_keys_are_for_their_owner_only_even_where_they_were_not(directory: Directory) -> None:
    (directory.path / "tls.key").chmod(0o644)
    directory.save_serving(SERVING)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.path.iterdir()}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "tls.crt": 0o644, "tls.key": 0o600}
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["tls.crt", "tls.key"])
def test_half_a_pair_is_none(directory: Directory, name: str) -> None:
    (directory.path / name).unlink()
    assert directory.serving is None


def test_a_damaged_file_is_named(directory: Directory) -> None:
    (directory.path / "ca.key").write_text("garbage")
    with pytest.raises(ValueError, match=r"ca\.key: .*move it away"):
        _ = directory.authority


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in directory.path.iterdir()}

    def fail(_descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        directory.save_serving(SERVING)
    assert {path.name: path.read_bytes() for path in directory.path.iterdir()} == before


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"tls\.key is missing: make it with `python -m certs issue"):
        Directory(tmp_path).content("tls.key")
