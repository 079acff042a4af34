"""The configuration's text in the documents that people have it in."""

import pytest

from webhook.core.config.document import text_in
from webhook.core.config.errors import ConfigError

KEY = "config.yaml"
BARE = "apiVersion: headroom.internal/v1\nkind: HeadroomConfig\n"
CONFIG_MAP = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: headroom-config}}\ndata:\n  {KEY}: |\n"


def inside(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    "document",
    [
        BARE,
        CONFIG_MAP + inside(BARE),
        f"data:\n  {KEY}: |\n{inside(BARE)}",
        f"kind: Service\n---\nkind: ConfigMap\ndata: {{other: x}}\n---\n{CONFIG_MAP}{inside(BARE)}",
    ],
    ids=["bare", "ConfigMap", "patch", "several documents"],
)
def test_the_text_is_found_in(document: str) -> None:
    assert text_in(document, KEY) == BARE


@pytest.mark.parametrize(
    "document",
    [
        *("", "a: [", "- 1", "data: 3", "mode: enforce", "x: 2001-99-99", "a: !!int x", "!!timestamp x", "a: 0b_"),
        *("[" * 200_000, "a: &a [*a]", "? [a]\n: b", "\ud800", "*a", "\0"),
    ],
    ids=lambda text: ascii(text)[:16],
)
def test_what_is_neither_is_left_to_the_parser(document: str) -> None:
    assert text_in(document, KEY) == document


@pytest.mark.parametrize("data", ["", "data: {}\n", "data: {config.yml: x}\n", "data: {config.yaml: 3}\n"])
def test_a_configmap_without_the_key_is_an_error_that_names_it(data: str) -> None:
    with pytest.raises(ConfigError, match=r"data: has no key config.yaml; add it"):
        text_in(f"kind: ConfigMap\n{data}", KEY)
