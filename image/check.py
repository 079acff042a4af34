"""`python -m image.check`: imports every module of the webhook, which fails if the image lacks something that it needs.

It runs while the image is built, with the image's own Python, if that can run what was installed.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Sequence

from image.dependencies import ARCHITECTURES, own_architecture

PACKAGES = ("webhook", "certs")


def modules(packages: Sequence[str] = PACKAGES) -> Iterator[str]:
    """Yield the name of every module of these packages, and import each package on the way."""
    for package in packages:
        yield package
        found = importlib.import_module(package)
        for each in pkgutil.walk_packages(found.__path__, f"{package}.", onerror=_fail):
            yield each.name


def _fail(_: str) -> None:
    # walk_packages passes over a package that cannot be imported.
    raise  # noqa: PLE0704 - it is called while the error is handled


def main() -> None:
    """Import all modules but those that are programs."""
    built_for = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else own_architecture()
    if built_for in ARCHITECTURES and built_for != own_architecture():
        print(f"not checked: {own_architecture()} cannot run what was installed for {built_for}")
        return
    names = [name for name in modules() if not name.endswith("__main__")]
    for name in names:
        importlib.import_module(name)
    print(f"all {len(names)} modules can be imported")


if __name__ == "__main__":
    main()
