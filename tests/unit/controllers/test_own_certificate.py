"""The files of a replica's own certificate: for nobody else, exchanged together, gone at the end."""

import stat
from pathlib import Path

import pytest

from certs.bundle import write_certificates, write_key
from tests.support.certificates import FIRST, SECOND
from webhook.controllers.own_certificate import OwnCertificate
from webhook.http.tls import Outcome, ServingCertificate


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnCertificate:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return OwnCertificate()


def test_what_is_held_can_be_served_and_exchanged(own: OwnCertificate) -> None:
    assert own.hold(FIRST)
    serving = ServingCertificate(own.certificate_file, own.key_file)
    first = serving.fingerprint
    assert not own.hold(FIRST), "nothing changes"
    assert serving.refresh(0.0).outcome is Outcome.UNCHANGED
    assert own.hold(SECOND)
    assert serving.refresh(FIRST.certificate.not_valid_after_utc.timestamp()).outcome is Outcome.SWAPPED
    assert serving.fingerprint != first


def test_the_files_hold_the_pair_and_nobody_else_may_read_them(own: OwnCertificate, tmp_path: Path) -> None:
    own.hold(FIRST)
    assert own.certificate_file.read_bytes() == write_certificates([FIRST.certificate])
    assert own.key_file.read_bytes() == write_key(FIRST.key)
    (folder,) = tmp_path.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_earlier_pairs_are_deleted_and_all_of_it_at_the_end(own: OwnCertificate, tmp_path: Path) -> None:
    for _ in range(4):
        own.hold(FIRST)
        own.hold(SECOND)
    (folder,) = tmp_path.iterdir()
    assert len([each for each in folder.iterdir() if not each.is_symlink()]) == 2
    own.remove()
    assert list(tmp_path.iterdir()) == []
    own.remove()
