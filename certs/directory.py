"""A directory of four files: ca.crt (a bundle, the signing authority first), ca.key, tls.crt and tls.key."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from certs.bundle import Bundle, Pair, read_certificates, read_key, write_certificates, write_key

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Directory:
    """Reads and writes the pairs. A file with the wrong content raises ValueError, whose message names the path."""

    path: Path

    @property
    def trusted(self) -> Bundle:
        """The certificates that clients trust; empty if there are none yet."""
        return self._read("ca.crt", read_certificates) or ()

    @property
    def authority(self) -> Pair | None:
        """The authority that signs; None unless both of its files exist."""
        return self._pair("ca")

    @property
    def serving(self) -> Pair | None:
        """The serving certificate; None unless both of its files exist."""
        return self._pair("tls")

    def save_authority(self, pair: Pair, trusted: Bundle) -> None:
        """Write the authority's key, then the bundle `trusted`, which begins with the authority's certificate."""
        self._write("ca.key", write_key(pair.key), 0o600)
        self._write("ca.crt", write_certificates(trusted), 0o644)

    def save_serving(self, pair: Pair) -> None:
        """Write the key, then the certificate. A server that reads in between sees a mismatch, and waits."""
        self._write("tls.key", write_key(pair.key), 0o600)
        self._write("tls.crt", write_certificates([pair.certificate]), 0o644)

    def content(self, name: str) -> bytes:
        """Return the bytes of a file; if it is missing, the message of the FileNotFoundError says how to make it."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{self.path / name} is missing: make it with `python -m certs issue --out {self.path}`"
            ) from error

    def _pair(self, stem: str) -> Pair | None:
        certificates = self._read(f"{stem}.crt", read_certificates)
        key = self._read(f"{stem}.key", read_key)
        return Pair(certificates[0], key) if certificates and key else None

    def _read(self, name: str, parse: Callable[[bytes], _T]) -> _T | None:
        path = self.path / name
        try:
            return parse(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(f"{path}: {error}; move it away to have it created again") from error

    def _write(self, name: str, content: bytes, mode: int) -> None:
        """Write a temporary file and rename it, so that no reader sees half of the file or a wider mode."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=self.path)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
