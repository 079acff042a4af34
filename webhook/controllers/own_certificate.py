"""Files of this replica's own, from which it serves the certificate of the keyring: memory, where /tmp is memory."""

import shutil
import tempfile
from pathlib import Path

from certs.bundle import Pair
from certs.directory import Directory


class OwnCertificate:
    """A private folder with `tls.crt` and `tls.key`; they are exchanged together, by a symbolic link above them."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="headroom-certificate-"))  # which nobody else may read
        self._link = self._folder / "current"
        self._held: Pair | None = None
        self._made: list[Path] = []

    @property
    def certificate_file(self) -> Path:
        """The certificate, once there is one."""
        return self._link / "tls.crt"

    @property
    def key_file(self) -> Path:
        """Its key."""
        return self._link / "tls.key"

    def hold(self, pair: Pair) -> bool:
        """Have the files hold this pair; say whether they held another one, or none, before."""
        if self._held is not None and self._held.certificate == pair.certificate:
            return False
        made = Path(tempfile.mkdtemp(dir=self._folder))
        Directory(made).save_serving(pair)
        link = self._folder / "next"
        link.symlink_to(made.name)
        link.replace(self._link)
        self._held = pair
        self._made.append(made)
        while len(self._made) > 2:  # a reader may be between the two files of the one before
            shutil.rmtree(self._made.pop(0), ignore_errors=True)
        return True

    def remove(self) -> None:
        """Delete the files, when the replica ends."""
        shutil.rmtree(self._folder, ignore_errors=True)
