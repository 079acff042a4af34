"""Loads the configuration from its ConfigMap; after an invalid edit, the last valid configuration stays in force."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from webhook.core.config.changes import changes
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.errors import ConfigError
from webhook.core.config.parse import parse
from webhook.core.config.render import digest

log = logging.getLogger(__name__)

NAME = "headroom-config"
KEY = "config.yaml"


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of the last read of the ConfigMap, for metrics; `problem` says why the configuration is invalid."""

    good: bool
    problem: str = ""


class Edit(NamedTuple):
    """The result of an edit, for an Event about the ConfigMap; `uid` is the ConfigMap's."""

    uid: str
    good: bool
    text: str


class ConfigurationLoader:
    """Reads each edit of the ConfigMap and applies the valid ones.

    `apply` gets the configuration and its hash; `refuse` gets the problem while there has never been a valid
    configuration; `announce` gets each edit that an Event is about. Only the configuration watch's thread calls `read`.
    """

    def __init__(
        self,
        apply: Callable[[HeadroomConfig, str], None],
        refuse: Callable[[str], None],
        announce: Callable[[Edit], None] = lambda _: None,
    ) -> None:
        self._apply = apply
        self._refuse = refuse
        self._announce = announce
        self._digest = ""
        self._config = HeadroomConfig()
        self.uid = ""  # the ConfigMap's; empty if there is no ConfigMap
        self.reading = Reading(good=False, problem="not read yet")

    def read(self, data: Mapping[str, str] | None, uid: str = "") -> None:
        """Read the ConfigMap's data and apply it if it is valid; None: there is no ConfigMap. `uid` is its UID."""
        self.uid = uid
        if data is None:
            self._keep(f"the ConfigMap {NAME} does not exist: create it", uid)
            return
        if KEY not in data:
            self._keep(f"the ConfigMap {NAME} has no key {KEY}: add it", uid)
            return
        try:
            config = parse(data[KEY])
        except ConfigError as error:
            self._keep(f"the ConfigMap {NAME} holds no good configuration: {error}", uid)
            return
        self._take(config, uid)

    def _take(self, config: HeadroomConfig, uid: str) -> None:
        name, before, mended = digest(config), self._digest, not self.reading.good
        what = f": {changes(self._config, config)}" if before and name != before else ""
        self.reading = Reading(good=True)
        if name != before:  # the watch also delivers the ConfigMap without an edit, and applying it is expensive
            self._apply(config, name)
            self._digest, self._config = name, config
            log.info("configuration %s applies from now on (mode %s)%s", name, config.mode, what)
        if before and (name != before or mended):  # not for the configuration that a replica finds when it starts
            self._announce(Edit(uid, good=True, text=f"configuration {name} applies (mode {config.mode}){what}"))

    def _keep(self, problem: str, uid: str) -> None:
        kept = f"configuration {self._digest} stays" if self._digest else "there is none yet, so nothing can be judged"
        log.error("%s; %s", problem, kept)
        self.reading = Reading(good=False, problem=problem)
        if uid:
            self._announce(Edit(uid, good=False, text=f"{problem}; {kept}"))
        if not self._digest:
            self._refuse(problem)
