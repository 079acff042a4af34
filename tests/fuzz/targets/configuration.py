"""Configuration: every text is read or refused with paths, and what is read survives being written out."""

from collections.abc import Iterable
from pathlib import Path

from webhook.core.config.document import text_in
from webhook.core.config.errors import ConfigError
from webhook.core.config.parse import parse
from webhook.core.config.render import digest, render

WORDS = (
    b"apiVersion: ", b"thresholds:", b"memory", b"requests: ", b"75%", b"pools:", b"mode: ", b"enforce", b"- ", b"&a ",
    b"*a", b"!!int ", b"!!timestamp ", b"? ", b": ", b"|\n", b"kind: ConfigMap\n", b"data:\n", b"---\n", b"2001-99-99",
)  # fmt: skip
_ROOT = Path(__file__).parents[3]
_KEY = "config.yaml"


def seeds() -> Iterable[bytes]:
    """Yield the configurations that are shipped, and ConfigMaps with and without one."""
    for path in sorted((_ROOT / "manifests").rglob("*config*.yaml")):
        document = path.read_text()
        yield document.encode()
        try:
            yield text_in(document, _KEY).encode()
        except ConfigError:
            continue
    yield b"a: &a [*a]\nb: !!int x\n? [c]\n: d\n"
    yield b'"\\ud800\\0\\e[31m": "\\0"'


def check(data: bytes) -> None:
    """Read the input as a configuration, and as a document that holds one."""
    text = data.decode(errors="surrogateescape")
    _check(text)
    try:
        inner = text_in(text, _KEY)
    except ConfigError as error:
        _check_error(error)
    else:
        if inner != text:
            _check(inner)


def _check(text: str) -> None:
    try:
        config = parse(text)
    except ConfigError as error:
        _check_error(error)
        return
    written = render(config)
    assert parse(written) == config
    assert digest(parse(written)) == digest(config)


def _check_error(error: ConfigError) -> None:
    assert error.problems
    lines = str(error).split("\n")
    assert len(lines) <= 21
    for line in lines:
        assert line.isprintable()
        assert len(line) < 2_000
