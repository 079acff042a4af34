"""The load line: one form for the state of a sum, in the terminal, on the page and in the HTML export alike.

    █████████▓▓▓░░░░┆░░│░░░░░      placed, on its way, free, the threshold, the threshold with the largest node lost

The track is what is allocatable. Filled are pods on nodes; on its way are pods that were admitted and are not there
yet, and pods that wait for a node. What goes past 100 % continues beyond a mark.
"""

from typing import Final, NamedTuple

from webhook.core.reporting.rows import Line

PLACED: Final = "█"
ON_ITS_WAY: Final = "▓"
FREE: Final = "░"
THRESHOLD: Final = "│"
WITHOUT_LARGEST: Final = "┆"
WHOLE: Final = "╎"  # 100 % of allocatable, shown only where the track goes past it
_LONGEST: Final = 2.0  # shares of allocatable: what is further out is drawn at the end


class LoadLine(NamedTuple):
    """The parts of a load line, as shares of allocatable: `placed` and `on_its_way` are lengths, the rest positions."""

    placed: float
    on_its_way: float
    threshold: float | None
    without_largest: float | None

    @property
    def length(self) -> float:
        """How far the line reaches: at least 1, further if what is committed or the threshold lies beyond."""
        furthest = max(self.placed + self.on_its_way, self.threshold or 0.0)
        return min(max(1.0, furthest), _LONGEST)


def load_line(line: Line, allocatable: int) -> LoadLine:
    """Return the load line of one sum; without anything allocatable, whatever is committed fills it."""

    def share(amount: int) -> float:
        return amount / allocatable if allocatable else float(amount > 0)

    placed = max(0, line.committed - line.pending)
    return LoadLine(
        share(placed),
        share(line.pending + line.granted),
        None if line.bound is None else share(line.bound),
        None if line.bound_without_largest is None else share(line.bound_without_largest),
    )


def draw(line: LoadLine, width: int) -> str:
    """Draw a load line with `width` characters (at least 4).

    A cell is filled if the sum reaches its middle. Marks replace the cell that they fall on; the threshold wins.
    """
    cells = [_cell((number + 0.5) / width * line.length, line) for number in range(width)]
    marks = [(WHOLE, 1.0 if line.length > 1 else None), (WITHOUT_LARGEST, line.without_largest)]
    for glyph, at in (*marks, (THRESHOLD, line.threshold)):
        if at is not None:
            cells[min(width - 1, int(at / line.length * width))] = glyph
    return "".join(cells)


def _cell(at: float, line: LoadLine) -> str:
    if at <= line.placed:
        return PLACED
    return ON_ITS_WAY if at <= line.placed + line.on_its_way else FREE
