"""`headroom dashboard`: the account in a terminal, live."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import replace

from webhook.cli.cluster import CannotTell, Target, target_options
from webhook.cli.report import is_over
from webhook.cli.source import Source, source
from webhook.core.reporting.dashboard import Look, Seen, frame

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_OVER: Final = 1  # exit code
_NAMESPACES: Final = 200  # rows at most
_TIMES: Final = 9  # with --direct, it rests so many times as long as a read took
_ENDS: Final = b"qQ\x04"  # q, and what Ctrl-D sends
_STYLES: Final[dict[Look, str]] = {
    "plain": "",
    "quiet": "dim",
    "title": "bold",
    "near": "bold yellow",
    "over": "bold red",
}


@click.command()
@click.option("--once", is_flag=True, help="Print one frame, and end.")
@click.option(
    "--refresh",
    type=click.FloatRange(1),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Look again after so long.",
)
@target_options
def dashboard(target: Target, refresh: float, *, once: bool) -> None:
    """Show the account in the terminal, live: the verdict, load lines, who waits, who holds it, what was refused.

    q ends it. It uses the size of the terminal; NO_COLOR switches colours off, and each has a word beside it.

    Exits with 0 when it is ended (with --once 1 if a sum is past its threshold), with 2 for wrong usage, and with 3 if
    there is no answer.
    """
    from rich.console import Console  # noqa: PLC0415 - it takes 0.1 s to import

    console = Console(highlight=False)
    if not once and not (console.is_terminal and sys.stdin.isatty()):
        raise click.UsageError("this is not a terminal: --once prints one frame")
    asked = source(target)
    seen = look(asked)
    if once:
        console.print(drawn(seen, console), no_wrap=True, overflow="crop")
        sys.exit(_OVER if is_over(seen.commitment) else 0)
    # Both leave the terminal as it was, also where the shell that started it has Ctrl-C ignored.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    with suppress(KeyboardInterrupt), _keys() as key:
        _go_on(console, asked, seen, lambda spent: key(max(refresh, _TIMES * spent if target.direct else 0.0)))


def look(asked: Source) -> Seen:
    """Ask for everything that a frame shows; raises `CannotTell`."""
    commitment = asked.commitment()
    return Seen(commitment, asked.largest_namespaces(_NAMESPACES), asked.blocked({}), asked.denials({}))


def look_again(asked: Source, before: Seen) -> Seen:
    """Ask again; without an answer, what was seen before is shown, and why it may be out of date."""
    try:
        return look(asked)
    except CannotTell as error:
        return before._replace(commitment=replace(before.commitment, problem=error.message))


def drawn(seen: Seen, console: "Console") -> "Text":
    """Return a frame in the size of the console."""
    from rich.text import Text  # noqa: PLC0415 - as above

    lines = frame(seen, console.width, console.height)
    return Text("\n").join(Text(line.text, style=_STYLES[line.look]) for line in lines)


def _go_on(console: "Console", asked: Source, seen: Seen, ended: Callable[[float], bool]) -> None:
    """Draw, wait and look again until it is ended; `ended` is told how long the last look took."""
    from rich.live import Live  # noqa: PLC0415 - as above

    live = Live(drawn(seen, console), console=console, screen=True, auto_refresh=False)
    spent = 0.0
    try:  # not `with`: Ctrl-C may come while it starts, and the screen is to be left then as well
        live.start(refresh=True)
        while not ended(spent):
            began = time.monotonic()
            seen = look_again(asked, seen)
            spent = time.monotonic() - began
            live.update(drawn(seen, console), refresh=True)
    finally:
        live.stop()


@contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Yield what waits so many seconds for a key that ends it; keys come at once, and are not shown."""
    import select  # noqa: PLC0415 - only here, and not on every system
    import termios  # noqa: PLC0415
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(sys.stdin)

    def key(seconds: float) -> bool:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        pressed = os.read(sys.stdin.fileno(), 64) if ready else b" "
        return not pressed or any(each in _ENDS for each in pressed)

    tty.setcbreak(sys.stdin)
    try:
        yield key
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
