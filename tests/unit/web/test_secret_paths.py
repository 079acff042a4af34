"""The secret path: only who knows the token is answered, and pages stay where they are."""

import pytest

from certs.keyring import PLAIN, new_token
from webhook.web.secret_paths import SecretPaths

OLD, NEW = new_token(), new_token()
REVIEWS = ("/validate", "/workloads", "/config")


@pytest.mark.parametrize("base", REVIEWS)
def test_old_and_new_are_accepted_until_the_old_one_is_retired(base: str) -> None:
    paths = SecretPaths([NEW, OLD])
    for token in (OLD, NEW):
        assert paths.resolve(f"{base}/{token}".encode()) == base.encode()
    paths.accept([NEW])
    assert paths.resolve(f"{base}/{NEW}".encode()) == base.encode()
    assert paths.resolve(f"{base}/{OLD}".encode()) is None


@pytest.mark.parametrize("base", REVIEWS)
def test_the_plain_path_is_answered_only_while_it_is_among_them(base: str) -> None:
    assert SecretPaths([NEW]).resolve(base.encode()) is None
    assert SecretPaths([NEW, PLAIN]).resolve(base.encode()) == base.encode()


@pytest.mark.parametrize(
    "path",
    [
        "/validate/",
        f"/validate/{NEW[:-1]}",
        f"/validate/{NEW}x",
        f"/validate/{NEW}/",
        f"/validate//{NEW}",
        f"/validate/{NEW.swapcase()}",
        f"/readyz/{NEW}",
        f"/{NEW}",
        "/%76alidate",
        "//validate",
        "/",
        "",
        "/nothing",
        "/validate/\xff",
    ],
)
def test_everything_else_is_unknown(path: str) -> None:
    assert SecretPaths([NEW, PLAIN]).resolve(path.encode("latin-1")) is None


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_pages_need_no_token(path: str) -> None:
    assert SecretPaths([NEW]).resolve(path.encode()) == path.encode()


def test_without_any_token_no_review_is_answered() -> None:
    assert SecretPaths().resolve(b"/validate/") is None
    assert SecretPaths().resolve(b"/validate") is None
