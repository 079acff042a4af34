"""Writes into each alert the address of its runbook: `make docs`. Whoever publishes Headroom changes one line here."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ALERTS: Final = ROOT / "manifests" / "components" / "monitoring" / "alerts.yaml"
TESTS: Final = Path(__file__).parent / "alerts.test.yaml"
PAGE: Final = ROOT / "docs" / "runbooks.md"

BASE: Final = "https://github.com/OWNER/headroom/blob/main/docs/runbooks.md"
"""Where people read docs/runbooks.md; the section of an alert is its name in lower case."""

_ALERT = re.compile(r"^ *(?:- alert|alertname): (\w+)$")
_URL = re.compile(r"^( *runbook_url: ).*$")


def url(alert: str) -> str:
    """Return the address of an alert's runbook."""
    return f"{BASE}#{alert.lower()}"


def with_urls(rules: str) -> str:
    """Return the text of the rules with the address of every alert as it should be."""
    lines, alert = [], ""
    for line in rules.splitlines():
        found = _ALERT.match(line)
        alert = found[1] if found else alert
        lines.append(_URL.sub(rf"\g<1>{url(alert)}", line))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for file in (ALERTS, TESTS):
        file.write_text(with_urls(file.read_text(encoding="utf-8")), encoding="utf-8")
