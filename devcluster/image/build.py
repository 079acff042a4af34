"""Builds the image, and writes beside it what is in it (SBOM) and what it was made of (provenance)."""

import json
import subprocess
import tarfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from devcluster.image import bill, provenance
from devcluster.image.base import base as made_base
from devcluster.image.buildah import Buildah, check, network_of_this_machine
from devcluster.store import only_one
from image.dependencies import own_architecture
from webhook import __version__

CHECKOUT: Final = Path(__file__).parents[2]
LABELS: Final = "org.opencontainers.image."
BILL: Final = "headroom.cdx.json"
STATEMENT: Final = "headroom.provenance.json"
ARCHIVE: Final = "headroom.oci.tar"


class Wanted(NamedTuple):
    """What to build: the image's name, its base (none: one that is made here), its architecture by Docker's name."""

    name: str = f"localhost/headroom:{__version__}"
    base: str | None = None
    architecture: str = own_architecture()
    checkout: Path = CHECKOUT


class Built(NamedTuple):
    """An image that was built, and what is known of it; sizes in bytes, unpacked, and layers by their digests."""

    name: str
    digest: str
    base: str
    size: int
    base_size: int
    layers: tuple[str, ...]
    seconds: float

    @property
    def line(self) -> str:
        """Say what it is in one line."""
        return (
            f"{self.name}: {self.size / 1e6:.0f} MB in {len(self.layers)} layers, {self.base_size / 1e6:.0f} MB of it "
            f"the base {self.base}; {self.seconds:.0f} s"
        )


def build(wanted: Wanted = Wanted(), buildah: Buildah | None = None) -> Built:  # noqa: B008 - it is immutable
    """Build the image as the Dockerfile says, and return it; raises ImageError if it cannot be built."""
    check()
    program = buildah or Buildah()
    with only_one("image"):
        base = wanted.base or made_base(program)
        began = time.time()
        _run(program, wanted, base, _labels(program, wanted, base))
        return _described(program, wanted.name, base, time.time() - began)


def install_stage(wanted: Wanted, buildah: Buildah, name: str) -> None:
    """Build only the stage of the dependencies, which shows what another architecture would get, without its base."""
    check()
    with only_one("image"):
        base = wanted.base or made_base(buildah)
        _run(buildah, wanted._replace(name=name), base, {}, "--target=dependencies")


def write(built: Built, folder: Path, *, checkout: Path = CHECKOUT, buildah: Buildah | None = None) -> list[Path]:
    """Write the SBOM, the provenance and the image as an OCI archive into a folder, and return the three files."""
    program = buildah or Buildah()
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    with only_one("image"):
        archive = folder / ARCHIVE
        archive.unlink(missing_ok=True)
        program("push", "--quiet", built.name, f"oci-archive:{archive}:{built.name}")
        digest = archived(archive)
        with program.mounted(built.name) as root:
            listed = bill.bill(root, bill.Subject(built.name, digest, __version__), now)
        said = provenance.statement(
            provenance.Facts(
                name=built.name,
                digest=digest,
                base=built.base,
                base_digest=_digest(program, built.base),
                commit=commit(checkout),
                changed=changed(checkout),
                files=provenance.digests(checkout),
                finished=now,
                seconds=built.seconds,
            )
        )
    (folder / BILL).write_text(json.dumps(listed, indent=2) + "\n")
    (folder / STATEMENT).write_text(json.dumps(said, indent=2) + "\n")
    return [folder / BILL, folder / STATEMENT, archive]


def archived(archive: Path) -> str:
    """Return the digest of the image in an OCI archive; it differs from that of the same image with unpacked layers."""
    with tarfile.open(archive) as packed:
        index = packed.extractfile("index.json")
        assert index is not None
        (manifest,) = json.load(index)["manifests"]
    return str(manifest["digest"])


def commit(checkout: Path) -> str | None:
    """Return the commit that is checked out; None if this is no checkout."""
    found = _git(checkout, "rev-parse", "HEAD")
    return found.strip() if found else None


def changed(checkout: Path) -> bool:
    """Whether files differ from that commit."""
    return bool(_git(checkout, "status", "--porcelain"))


def _git(checkout: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", checkout, *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _labels(buildah: Buildah, wanted: Wanted, base: str) -> dict[str, str]:
    """What only this build knows; the Dockerfile has the other labels."""
    labels = {"base.name": base, "base.digest": _digest(buildah, base)}
    revision = commit(wanted.checkout)
    if revision and not changed(wanted.checkout):
        labels["revision"] = revision  # of a changed checkout, it would not be true
    return {f"{LABELS}{key}": value for key, value in labels.items()}


def _run(buildah: Buildah, wanted: Wanted, base: str, labels: Mapping[str, str], *more: str) -> None:
    with network_of_this_machine() as reaching:
        buildah(
            "build",
            "--layers",
            "--isolation=chroot",
            "--pull-never" if base.startswith("localhost/") else "--pull",
            f"--platform=linux/{wanted.architecture}",
            f"--build-arg=BASE_IMAGE={base}",
            f"--build-arg=BUILDPLATFORM=linux/{own_architecture()}",
            *(f"--label={key}={value}" for key, value in labels.items()),
            *reaching,
            *more,
            f"--tag={wanted.name}",
            wanted.checkout,
        )


def _described(buildah: Buildah, name: str, base: str, seconds: float) -> Built:
    found = buildah.inspect(name)
    layers = tuple(found["OCIv1"]["rootfs"]["diff_ids"])
    sizes = buildah.size(name), buildah.size(base)
    return Built(name, found["FromImageDigest"], base, *sizes, layers, seconds)


def _digest(buildah: Buildah, image: str) -> str:
    return str(buildah.inspect(image)["FromImageDigest"])
