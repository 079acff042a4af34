"""The text of a configuration in a document that holds it: a ConfigMap, a patch of one, or the bare configuration."""

import yaml

from webhook.core.config.errors import ConfigError, Problem
from webhook.core.config.yaml import NO_TEXT
from webhook.core.values.yaml_nodes import PLAIN, compose

_NO_STRING = ("", "~", "null", "Null", "NULL")


def text_in(document: str, key: str) -> str:
    """Return the configuration text of a document; `key` is that of the ConfigMap's data.

    Of several documents, such as those of `kubectl kustomize`, the first with this key is taken. A document that is
    neither is returned as it is: `parse` says what is wrong with it. Raises `ConfigError` for a ConfigMap without it.
    """
    try:
        found = [_values(each) for each in compose(document)]
    except (yaml.YAMLError, UnicodeEncodeError):
        return document
    texts = [text for each in found if (text := _text(_values(each.get("data")).get(key))) is not None]
    if texts:
        return texts[0]
    if any(_text(each.get("kind")) == "ConfigMap" for each in found):
        raise ConfigError([Problem("data", f"has no key {key}; add it")])
    return document


def _values(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """Return the values of a mapping by their keys; none of anything else."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _text(node: yaml.Node | None) -> str | None:
    """Return the text that a node is; None if it is something else, such as a number without quotes."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    text = str(node.value)
    return None if node.tag == PLAIN and (text in _NO_STRING or NO_TEXT.fullmatch(text)) else text
