"""YAML nodes: the same as PyYAML's own composer makes, and nothing that ends the process."""

import pytest
import yaml

from webhook.core.values.yaml_nodes import MOST_DEPTH, PLAIN, TAG, compose


def shape(node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return [(shape(key), shape(value)) for key, value in node.value]
    if isinstance(node, yaml.SequenceNode):
        return [shape(each) for each in node.value]
    return node.value


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: [x, 'y', \"z\"]\n",
        "--- |\n  text\n--- {a: {b: [c, {d: e}]}}\n...\n",
        "a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n",
        "? [a, b]\n: !!set {c, d}\n",
        "",
        "---\n---\n",
    ],
)
def test_nodes_are_those_of_pyyaml(text: str) -> None:
    assert [*map(shape, compose(text))] == [*map(shape, yaml.compose_all(text, Loader=yaml.CSafeLoader))]


def test_a_scalar_is_not_resolved() -> None:
    (node,) = compose("[1, '1', !!int 1, ~]")
    assert [each.tag for each in node.value] == [PLAIN, f"{TAG}str", f"{TAG}int", PLAIN]


def test_an_alias_is_the_node_of_the_last_anchor_of_its_name() -> None:
    (node,) = compose("[&a [1], &a [2], *a]")
    assert node.value[2] is node.value[1]
    (inside,) = compose("&a [*a]")
    assert inside.value == [inside]


@pytest.mark.parametrize("text", ["*a", "a: &a 1\n---\nb: *a\n", "[&a x, *b]"])
def test_an_alias_without_an_anchor_is_an_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="found undefined alias"):
        list(compose(text))


def test_nesting_is_limited() -> None:
    assert len(list(compose("[" * (MOST_DEPTH - 1) + "x" + "]" * (MOST_DEPTH - 1)))) == 1
    for text in ("[" * MOST_DEPTH + "x", "[" * 1_000_000, b"{a: " * 1_000_000, "- " * 1_000_000 + "x"):
        with pytest.raises(yaml.YAMLError, match=f"nested more than {MOST_DEPTH} levels deep"):
            list(compose(text))
