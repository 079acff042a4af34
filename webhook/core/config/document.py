"""The text of a configuration in a document that holds it: a ConfigMap, a patch of one, or the bare configuration."""

from typing import Any

import yaml

from webhook.core.config.errors import ConfigError, Problem


def text_in(document: str, key: str) -> str:
    """Return the configuration text of a document; `key` is that of the ConfigMap's data.

    Of several documents, such as those of `kubectl kustomize`, the first with this key is taken. A document that is
    neither is returned as it is: `parse` says what is wrong with it. Raises `ConfigError` for a ConfigMap without it.
    """
    try:
        found = [each for each in yaml.load_all(document, Loader=yaml.CSafeLoader) if isinstance(each, dict)]
    except yaml.YAMLError:
        return document
    texts = [text for each in found if isinstance(text := _data(each).get(key), str)]
    if texts:
        return texts[0]
    if any(each.get("kind") == "ConfigMap" for each in found):
        raise ConfigError([Problem("data", f"has no key {key}; add it")])
    return document


def _data(document: dict[Any, Any]) -> dict[Any, Any]:
    data = document.get("data")
    return data if isinstance(data, dict) else {}
