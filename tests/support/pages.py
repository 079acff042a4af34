"""Pages of the documentation that tests read."""

from tests.support.kustomize import MANIFESTS

INSTALL = MANIFESTS.parent / "docs" / "install.md"
