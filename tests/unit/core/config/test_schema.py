"""The schema and the rows of the table: every setting once, with what it takes and its default."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.render import plain
from webhook.core.config.schema import Row, _rule, json_schema, rows


def row(key: str) -> Row:
    (found,) = [each for each in rows() if each.key == key]
    return found


def settings_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in schema["properties"].items():
        below = each.get("items", each)
        if "properties" in below:
            yield from settings_of(below, f"{path}{name}{'[]' if below is not each else ''}.")
        else:
            yield f"{path}{name}", each


def groups_of(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for each in schema["properties"].values():
        below = each.get("items", each)
        if "properties" in below:
            yield from groups_of(below)


def test_every_setting_of_the_schema_is_in_the_table_once() -> None:
    keys = [each.key for each in rows()]
    assert sorted(keys) == sorted(path for path, _ in settings_of(json_schema()))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("key", "takes", "default"),
    [
        ("apiVersion", "headroom.internal/v1", "required"),
        ("mode", "enforce, warn or audit", "enforce"),
        ("thresholds.memory.requests", "a percentage such as 75%", "absent"),
        ("reserve.nodes", "a whole number from 0 to 10000", "0"),
        ("message", 'a line of up to 120 printable characters such as "ask #platform"', '""'),
        ("nodes.notReadyGrace", "a duration such as 10s", "10s"),
        ("exempt.namespaces", "a list such as [kube-system]", "[kube-system]"),
        ("pools[].name", "a pool name such as high-mem", "required"),
        ("pools[].reserve.nodes", "a whole number from 0 to 10000", "absent"),
        ("overrides[].mode", "enforce, warn or audit", "absent"),
    ],
)
def test_a_row_says_what_a_setting_takes_and_its_default(key: str, takes: str, default: str) -> None:
    found = row(key)
    assert (found.takes, found.default) == (takes, default)


def test_every_row_has_a_meaning_and_that_of_an_optional_group_says_what_its_absence_means() -> None:
    assert all(each.meaning for each in rows())
    assert row("pools[].reserve.nodes").meaning.endswith("Absent: as for the cluster.")


def test_no_group_takes_a_key_that_it_does_not_know() -> None:
    for group in groups_of(json_schema()):
        assert group["additionalProperties"] is False
        assert set(group["required"]) <= set(group["properties"])


def test_exactly_what_must_be_written_is_required() -> None:
    schema = json_schema()
    assert schema["required"] == ["apiVersion", "kind"]
    assert schema["properties"]["pools"]["items"]["required"] == ["name", "nodeSelector"]
    assert schema["properties"]["overrides"]["items"]["required"] == ["namespaces"]


def test_the_defaults_of_the_schema_are_those_of_the_types() -> None:
    said = {path: each["default"] for path, each in settings_of(json_schema()) if "default" in each}
    defaults = plain(HeadroomConfig())
    for path, value in said.items():
        at: Any = defaults
        if "[]" not in path:
            for key in path.split("."):
                at = at[key]
            assert value == at, path
    assert {"mode", "warnAt", "reserve.nodes", "exempt.namespaces"} <= said.keys()
    assert not {"apiVersion", "thresholds.memory.requests", "pools[].name"} & said.keys()


def test_each_kind_of_setting_has_its_rule() -> None:
    found = dict(settings_of(json_schema()))
    assert found["apiVersion"]["const"] == "headroom.internal/v1"
    assert found["mode"]["enum"] == ["enforce", "warn", "audit"]
    assert (found["reserve.nodes"]["minimum"], found["reserve.nodes"]["maximum"]) == (0, 10_000)
    assert found["exempt.namespaces"]["type"] == "array"
    assert found["exempt.daemonSets"]["type"] == ["array", "boolean"]
    assert found["overrides[].namespaces"]["minItems"] == 1
    assert found["pools[].nodeSelector"]["minProperties"] == 1
    assert found["pools[].nodeSelector"]["propertyNames"]["type"] == "string"


def test_a_type_that_nobody_described_is_not_passed_over() -> None:
    with pytest.raises(TypeError, match="add its case here"):
        _rule(inspect.FloatType())
