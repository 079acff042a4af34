"""Changes: the settings that an edit of the configuration changes, in one short line."""

from collections.abc import Iterator
from typing import Any, Final

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.introspection import flow
from webhook.core.config.render import effective, plain

MOST: Final = 300  # characters
_VALUE = 60  # characters of one value
_LISTS_OF_GROUPS = ("pools", "overrides")


def changes(old: HeadroomConfig, new: HeadroomConfig) -> str:
    """Return the settings that differ, as `key: old → new`; those that do not fit into `MOST` are only counted."""
    before, after = dict(_settings(plain(effective(old)))), dict(_settings(plain(effective(new))))
    differ = [key for key in dict.fromkeys([*after, *before]) if before.get(key) != after.get(key)]
    listed: list[str] = []
    for key in differ:
        said = f"{key}: {_shown(before.get(key))} → {_shown(after.get(key))}"
        if listed and len(", ".join([*listed, said])) > MOST:
            break
        listed.append(said[:MOST])
    left = len(differ) - len(listed)
    return ", ".join([*listed, f"and {left} more"] if left else listed)


def _settings(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting with its path; the path names an item of a list by its name, or else by its index."""
    match value:
        case dict():
            for key, each in value.items():
                yield from _settings(each, f"{path}.{key}" if path else key)
        case [] if path in _LISTS_OF_GROUPS:
            return
        case [dict(), *_]:
            for index, each in enumerate(value):
                yield from _settings(each, f"{path}[{each.get('name', index)}]")
        case _:
            yield path, value


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    text = flow(value)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"
