"""Settings: the ConfigMap as it is edited; a bad edit keeps the last good configuration, and says so."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from webhook.core.config import HeadroomConfig
from webhook.core.config_problem import ConfigError
from webhook.core.config_source import parse
from webhook.core.config_text import digest

log = logging.getLogger(__name__)

NAME = "headroom-config"
KEY = "config.yaml"


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of the last edit, for metrics and for whoever asks why nothing changed."""

    good: bool
    problem: str = ""


class Settings:
    """Reads each edit and applies those that are good."""

    def __init__(self, apply: Callable[[HeadroomConfig, str], None], refuse: Callable[[str], None]) -> None:
        self._apply = apply
        self._refuse = refuse
        self._digest = ""
        self.reading = Reading(good=False, problem="not read yet")

    def read(self, data: Mapping[str, str] | None) -> None:
        """Take in the ConfigMap's data; None: there is no ConfigMap."""
        if data is None:
            self._keep(f"the ConfigMap {NAME} does not exist: create it")
            return
        if KEY not in data:
            self._keep(f"the ConfigMap {NAME} has no key {KEY}: add it")
            return
        try:
            config = parse(data[KEY])
        except ConfigError as error:
            self._keep(f"the ConfigMap {NAME} holds no good configuration: {error}")
            return
        self.reading = Reading(good=True)
        name = digest(config)
        if name != self._digest:  # the watch tells it now and then without an edit, and to apply it is work
            self._apply(config, name)
            self._digest = name
            log.info("configuration %s applies from now on (mode %s)", name, config.mode)

    def _keep(self, problem: str) -> None:
        kept = f"configuration {self._digest} stays" if self._digest else "there is none yet, so nothing can be judged"
        log.error("%s; %s", problem, kept)
        self.reading = Reading(good=False, problem=problem)
        if not self._digest:
            self._refuse(problem)
