"""The image as it is built here; `--image` builds it (`make image-test`), which takes minutes, as root."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devcluster.image.build import Built, Wanted, build
from devcluster.image.buildah import Buildah

LIMIT_MB = 320
BASE_MB = 226  # what the public base was taken to have when the limit was set


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option; pytest knows it only if it is started for this folder alone, and else no image is built."""
    parser.addoption("--image", action="store_true", help="build the image for real, and run it")


@pytest.fixture(scope="session")
def buildah(request: pytest.FixtureRequest) -> Buildah:
    """Buildah, with the images of this machine's user; a test that asks for it needs `--image`."""
    if not request.config.getoption("image", default=False):
        pytest.skip("builds the image: minutes, as root; `make image-test` runs it")
    return Buildah()


@pytest.fixture(scope="session")
def named(buildah: Buildah) -> Iterator[Callable[[str], str]]:
    """A name for an image of these tests, which is removed after them; what earlier stages made is kept."""
    names = []

    def name(of: str) -> str:
        names.append(f"localhost/headroom-test-{of}:{os.getpid()}")
        return names[-1]

    yield name
    for each in names:
        if buildah.exists(each):
            buildah("rmi", each)


@pytest.fixture(scope="session")
def built(buildah: Buildah, named: Callable[[str], str]) -> Built:
    """The image of this checkout."""
    return build(Wanted(name=named("webhook")), buildah)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of this checkout."""
    return Path(__file__).parents[2]
