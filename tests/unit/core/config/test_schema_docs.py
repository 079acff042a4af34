"""What docs/ says of the configuration is what the types say.

`python -m tests.unit.core.config.test_schema_docs` writes both again: docs/config.schema.json, and the table in
docs/configuration.md.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.support.configs import SMALLEST
from webhook.core.config.parse import parse
from webhook.core.config.render import plain
from webhook.core.config.schema import json_schema, rows

DOCS = Path(__file__).parents[4] / "docs"
PAGE = DOCS / "configuration.md"
SCHEMA = DOCS / "config.schema.json"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def table() -> str:
    head = "| Key | Takes | Default | What it does |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"| `{row.key}` | {row.takes} | {row.default} | {row.meaning} |\n" for row in rows())


def with_table(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def schema_text() -> str:
    return json.dumps(json_schema(), indent=2) + "\n"


def examples() -> list[str]:
    """Those that stand there as they are; files, which begin with their name, are applied by the test of the pages."""
    found = [dedent(each) for each in re.findall(r"```yaml\n(.*?) *```", PAGE.read_text(), re.DOTALL)]
    return [each for each in found if not each.startswith("# headroom-config.yaml\n")]


def settings_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in schema["properties"].items():
        below = each.get("items", each)
        if "properties" in below:
            yield from settings_of(below, f"{path}{name}{'[]' if below is not each else ''}.")
        else:
            yield f"{path}{name}", each


def test_the_table_says_what_the_types_say() -> None:
    assert PAGE.read_text() == with_table(PAGE.read_text()), "run: python -m tests.unit.core.config.test_schema_docs"


def test_the_schema_says_what_the_types_say() -> None:
    assert SCHEMA.read_text() == schema_text(), "run: python -m tests.unit.core.config.test_schema_docs"


def test_the_examples_are_valid_and_there_are_some() -> None:
    assert len(examples()) >= 2
    for example in examples():
        whole = example if example.startswith("apiVersion") else SMALLEST + example
        parse(whole)


def test_the_full_example_shows_the_defaults() -> None:
    shown, silent = plain(parse(examples()[0])), plain(parse(SMALLEST))
    assert {key for key in shown if shown[key] != silent[key]} == {"thresholds", "pools", "overrides"}


@pytest.mark.parametrize(("path", "setting"), [pytest.param(*each, id=each[0]) for each in settings_of(json_schema())])
def test_an_example_in_the_schema_is_right_and_passes_its_pattern(path: str, setting: dict[str, Any]) -> None:
    for example in setting.get("examples", ()):
        for word in example if isinstance(example, list) else [example]:
            pattern = setting.get("items", setting).get("pattern", "")
            assert re.search(pattern, str(word))


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
    SCHEMA.write_text(schema_text())
