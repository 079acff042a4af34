"""What differs from run to run in what commands print and is not compared; all else is, apart from white space."""

import re
import textwrap

# In this order; what is replaced is what a reader would not compare either.
VOLATILE = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<time>"),
    (r"\b\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d( UTC)?)?\b", "<date>"),
    (r"\b\d{3} days left\b", "<days> days left"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"\b10\.\d+\.\d+\.\d+\b", "<address>"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uid>"),
    (r"-[0-9a-z]{6,10}-[0-9a-z]{5}\b", "-<hash>-<id>"),  # a pod of a Deployment
    (r"\breplicaset\.apps/(\w+)-[0-9a-z]{6,10}\b", r"replicaset.apps/\1-<hash>"),
    (r"\bx\d+ over (\d+m)?\d+s\b", "x<count> over <age>"),
    (r"(?<![\w.])\d+(\.\d+)?s\b|(?<![\w.])\d+m\d+s\b", "<age>"),
    (r"\bpid +\d+ +\d+ MiB\b", "pid <pid> <size> MiB"),
    (r'"(duration_ms|snapshot_age_seconds)": ?[\d.]+', r'"\1": <number>'),
)
WIDTH = 118


def settled(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, name in VOLATILE:
        text = re.sub(pattern, name, text)
    return " ".join(text.split())


def same(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed."""
    return settled(shown) == settled(printed)


def wrapped(printed: str) -> list[str]:
    """Printed text as a page shows it: no line wider than the page."""
    lines: list[str] = []
    for line in printed.rstrip("\n").splitlines():
        lines += textwrap.wrap(
            line.rstrip(), WIDTH, break_on_hyphens=False, break_long_words=False, replace_whitespace=False
        ) or [""]
    return lines
