"""Writes manifests/install.yaml, which is overlays/try as one file: `python -m tests.packaging.install_file`."""

from typing import Final

from tests.support.kustomize import MANIFESTS, rendered

FILE: Final = MANIFESTS / "install.yaml"
HEAD: Final = "# overlays/try as one file, for `kubectl apply -f`; made by `make docs`.\n"


def text() -> str:
    """Return what the file has to say."""
    return HEAD + rendered(MANIFESTS / "overlays" / "try")


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
