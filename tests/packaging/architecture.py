"""Draws the pictures of docs/architecture.md from the imports: `python -m tests.packaging.architecture`.

Rooms stand in the order of the contracts in pyproject.toml. An arrow means "imports"; one that follows from others is
left out, so that the order can be seen.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).parents[2]
PICTURES = {"webhook": ROOT / "docs" / "architecture.svg", "webhook.core": ROOT / "docs" / "architecture-core.svg"}
BOX, ROW, GAP, LANE = (150, 40), 76, 40, 24
STYLE = """
  .room { fill: #eef2f7; stroke: #5b6b7f; }
  text { font: 15px system-ui, sans-serif; fill: #1d2733; text-anchor: middle; }
  path { fill: none; stroke: #5b6b7f; stroke-width: 1.4; marker-end: url(#tip); }
  marker path { fill: #5b6b7f; stroke: none; }
  @media (prefers-color-scheme: dark) {
    .room { fill: #263241; stroke: #93a4b8; }
    text { fill: #e8edf3; }
    path { stroke: #93a4b8; }
    marker path { fill: #93a4b8; }
  }
"""

Arrows = Mapping[tuple[str, str], int]


def layers(container: str) -> list[list[str]]:
    """Return the rooms of a package, the highest row first, as the contracts in pyproject.toml have them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (rows,) = (c["layers"] for c in contracts if c["type"] == "layers" and c["containers"] == [container])
    return [[room.strip() for room in row.split("|")] for row in rows]


def arrows(container: str) -> dict[tuple[str, str], int]:
    """Return between which rooms modules import each other, and how many imports there are."""
    graph = grimp.build_graph(container.partition(".")[0], cache_dir=None)
    depth, found = container.count(".") + 1, dict[tuple[str, str], int]()
    for module in graph.modules:
        if not module.startswith(f"{container}."):
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            if imported.startswith(f"{container}."):
                pair = module.split(".")[depth], imported.split(".")[depth]
                if pair[0] != pair[1]:
                    found[pair] = found.get(pair, 0) + 1
    return found


def shown(found: Arrows) -> list[tuple[str, str]]:
    """Return the arrows that do not follow from others."""
    heads: dict[str, set[str]] = {}
    for start, end in found:
        heads.setdefault(start, set()).add(end)

    def reached(room: str) -> set[str]:
        return {further for end in heads.get(room, ()) for further in {end} | reached(end)}

    return sorted(
        (start, end)
        for start, ends in heads.items()
        for end in ends
        if not any(end in reached(other) for other in ends - {end})
    )


def picture(rows: Sequence[Sequence[str]], found: Arrows) -> str:
    """Draw rooms and arrows as SVG: arrows to the next row straight, all others around the rooms, a lane for each."""
    lines = {room: line for line, row in enumerate(rows) for room in row}
    half = max(len(row) for row in rows) * (BOX[0] + GAP) / 2
    offsets = {room: (number - (len(row) - 1) / 2) * (BOX[0] + GAP) for row in rows for number, room in enumerate(row)}
    far = sorted(
        (lines[end] - lines[start], start, end) for start, end in shown(found) if lines[end] - lines[start] > 1
    )
    lanes: dict[tuple[str, str], int] = {}  # to the right of the rooms, or, if negative, to the left
    for _, start, end in far:
        right = (offsets[end] or offsets[start] or 1) > 0
        taken = sum((lane > 0) is right for lane in lanes.values())
        lanes[start, end] = taken + 1 if right else -taken - 1
    middle = half + (max(map(abs, lanes.values()), default=0) + 1) * LANE
    places = {room: (middle + offset, GAP / 2 + lines[room] * ROW + BOX[1] / 2) for room, offset in offsets.items()}
    drawn = [
        _around(places[start], places[end], middle, half, lanes[start, end])
        if (start, end) in lanes
        else _straight(places[start], places[end])
        for start, end in shown(found)
    ] + [_room(room, *place) for room, place in places.items()]
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * middle:g} {len(rows) * ROW:g}" role="img">',
            "<title>The rooms of the code, and which imports which</title>",
            f"<style>{STYLE}</style>",
            f'<defs>{tip}<path d="M0 0L8 4L0 8z"/></marker></defs>',
            *drawn,
            "</svg>\n",
        ]
    )


def _room(name: str, x: float, y: float) -> str:
    left, top = x - BOX[0] / 2, y - BOX[1] / 2
    box = f'<rect class="room" x="{left:g}" y="{top:g}" width="{BOX[0]}" height="{BOX[1]}" rx="6"/>'
    return f'{box}<text x="{x:g}" y="{y:g}" dy=".35em">{escape(name)}</text>'


def _straight(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    return f'<path d="M{x:g} {y + BOX[1] / 2:g}L{to_x:g} {to_y - BOX[1] / 2:g}"/>'


def _around(start: tuple[float, float], end: tuple[float, float], middle: float, half: float, lane: int) -> str:
    (x, y), (to_x, to_y) = start, end
    side = 1 if lane > 0 else -1
    outside = middle + side * half + lane * LANE - side * GAP / 2
    to_edge, to_y = (
        to_x + side * BOX[0] / 2,
        to_y - 6 + 4 * (abs(lane) % 4),
    )  # so that two at one room can be told apart
    if (x - middle) * side < 0:  # another room is in the way
        below, drop = y + BOX[1] / 2, (ROW - BOX[1]) * (0.35 if side < 0 else 0.65)
        return f'<path d="M{x:g} {below:g}v{drop:g}H{outside:g}V{to_y:g}H{to_edge:g}"/>'
    return f'<path d="M{x + side * BOX[0] / 2:g} {y:g}H{outside:g}V{to_y:g}H{to_edge:g}"/>'


if __name__ == "__main__":
    for package, file in PICTURES.items():
        file.write_text(picture(layers(package), arrows(package)), encoding="utf-8")
