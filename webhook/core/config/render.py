"""Configuration → text: the full text with all defaults, and a short digest."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import yaml
from msgspec.structs import fields, replace

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.types import Group
from webhook.core.config.yaml import NO_TEXT


def plain(value: object) -> Any:
    """Return a setting or a group as JSON values; sets are sorted, and absent settings are left out."""
    match value:
        case Group():
            named = ((field.encode_name, getattr(value, field.name)) for field in fields(value))
            return {name: plain(each) for name, each in named if each is not None}
        case frozenset():
            return sorted(plain(each) for each in value)
        case tuple():
            return [plain(each) for each in value]
        case Mapping():
            return {key: value[key] for key in sorted(value)}
        case bool() | int():
            return value
        case _:
            return str(value)  # notations, enumerations and text


class _Quoting(yaml.SafeDumper):
    """Quotes every text that some YAML parser would read as a number; PyYAML by itself leaves 1e3 bare."""


_Quoting.add_implicit_resolver("tag:yaml.org,2002:float", NO_TEXT, list("+-.0123456789"))


def render(config: HeadroomConfig) -> str:
    """Return the configuration as YAML, defaults included; `parse` reads it back to an equal value."""
    return yaml.dump(plain(config), Dumper=_Quoting, sort_keys=False)


def digest(config: HeadroomConfig) -> str:
    """Return 12 hexadecimal digits that are the same for all texts with the same meaning.

    Comments, notation, the order of keys, the order within sets, and defaults written out make no difference.
    """
    meaning = json.dumps(plain(effective(config)), sort_keys=True)
    return hashlib.sha256(meaning.encode()).hexdigest()[:12]


def effective(config: HeadroomConfig) -> HeadroomConfig:
    """Return the configuration with the reserve that holds in each pool filled in."""
    pools = tuple(replace(pool, reserve=config.reserve_of(pool)) for pool in config.pools)
    return replace(config, pools=pools)
