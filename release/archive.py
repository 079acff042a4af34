"""Archives that are the same to the byte each time: sorted names, one time, nobody's name."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def write(archive: Path, files: Mapping[str, Path], time: int, *, executable: frozenset[str] = frozenset()) -> Path:
    """Write a .tar.gz of files, each under the name that it has in the archive; return it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, file in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            content = file.read_bytes()
            entry.size, entry.mtime = len(content), time
            entry.mode = 0o755 if name in executable else 0o644
            tar.addfile(entry, io.BytesIO(content))
    archive.write_bytes(gzip.compress(buffer.getvalue(), mtime=time))
    return archive


def tree(folder: Path, below: str) -> dict[str, Path]:
    """Return the files of a folder, by their names in an archive."""
    return {f"{below}/{each.relative_to(folder)}": each for each in folder.rglob("*") if each.is_file()}
