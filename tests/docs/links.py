"""The links of a page to other files and headings, and those of them that lead nowhere."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

from tests.docs.blocks import outside

_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_CODE = re.compile(r"(`+)(?:(?!\1).)+\1")
_HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$")
_HTML_ID = re.compile(r"<[a-z]+ [^>]*?\b(?:id|name)=\"([^\"]+)\"")
_ELSEWHERE = re.compile(r"[a-z][a-z+.-]*:|//")


def pages(root: Path) -> list[str]:
    """Return every page of the repository, from its root; not those of other projects below `.venv`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    return sorted(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.split())


def targets(page: str) -> list[str]:
    """Return the targets of the links of a page, in their order, those to other sites among them."""
    return _LINK.findall(_CODE.sub("`code`", "\n".join(outside(page))))


def anchors(page: str) -> set[str]:
    """Return the fragments that GitHub makes of the headings of a page, and those that it gives itself."""
    found: dict[str, int] = {}
    for line in outside(page):
        heading = _HEADING.match(line)
        if heading:
            name = slug(heading[1])
            found[name] = found.get(name, -1) + 1
    numbered = {f"{name}-{n}" for name, count in found.items() for n in range(1, count + 1)}
    return set(found) | numbered | set(_HTML_ID.findall("\n".join(outside(page))))


def slug(heading: str) -> str:
    """Return GitHub's fragment for a heading: lower case, without punctuation, `-` for each space."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def dead(page: Path, root: Path) -> list[str]:
    """Return the links of a page to a file or heading that does not exist below `root`, each with what is missing."""
    return [
        f"{target}: {problem}"
        for target in targets(page.read_text(encoding="utf-8"))
        if not _ELSEWHERE.match(target) and (problem := _problem(page, target, root))
    ]


def reached(start: Path) -> set[Path]:
    """Return the pages below the folder of `start` that links lead to, directly or over such pages; with `start`."""
    below, found, open_ends = start.parent.resolve(), set[Path](), [start.resolve()]
    while open_ends:
        page = open_ends.pop()
        if page in found:
            continue
        found.add(page)
        open_ends += [each for each in _pages(page) if below in each.parents]
    return found


def _pages(page: Path) -> list[Path]:
    names = [unquote(each.partition("#")[0]) for each in targets(page.read_text(encoding="utf-8"))]
    files = [(page.parent / name).resolve() for name in names if not _ELSEWHERE.match(name)]
    return [each for each in files if each.suffix == ".md" and each.is_file()]


def _problem(page: Path, target: str, root: Path) -> str | None:
    name, _, fragment = unquote(target).partition("#")
    file = (page.parent / name).resolve() if name else page.resolve()
    if root.resolve() not in (file, *file.parents):
        return "outside of the repository"
    if not file.exists():
        return "no such file"
    if fragment and file.suffix == ".md" and fragment not in anchors(file.read_text(encoding="utf-8")):
        return "no such heading"
    return None
