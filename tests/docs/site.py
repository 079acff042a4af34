"""The built site: where its links lead, what it loads, and whether each page has all parts that its source has.

`python -m tests.docs.site [FOLDER]` builds it (`make site`), and lists the links that leave it.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

from release.site import OUTSIDE
from tests.docs.clone import CHECKOUT, REMOTE

FOLDER: Final = CHECKOUT / "dist" / "site"
INDEX: Final = "README.md"
_LOADS: Final = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
_PARTS: Final = {*(f"h{level}" for level in range(1, 7)), "li", "tr", "pre", "blockquote", "img"}


class Seen(NamedTuple):
    """What one page has: links, what it loads, fragments, and how many parts of each kind, by the items around them."""

    links: list[str]
    loads: list[str]
    ids: set[str]
    parts: Counter[tuple[str, int]]


class _Reader(HTMLParser):
    """Reads one page; parts are counted in the article alone, without what the theme adds."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen([], [], set(), Counter())
        self._within, self._items = False, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._within = self._within or tag == "article"
        if named := values.get("id"):
            self.seen.ids.add(named)
        if tag == "a" and (target := values.get("href")):
            self.seen.links.append(target)
        attribute = _LOADS.get(tag)
        if attribute and (target := values.get(attribute)) and values.get("rel") not in {"canonical", "next", "prev"}:
            self.seen.loads.append(target)
        if self._within and tag in _PARTS:
            self.seen.parts[tag, self._items] += 1
        self._items += self._within and tag == "li"

    def handle_endtag(self, tag: str) -> None:
        self._items -= self._within and tag == "li"
        self._within = self._within and tag != "article"


def build(folder: Path) -> None:
    """Build the site; raises RuntimeError with what mkdocs says if anything is amiss with it, such as a dead link."""
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # of the theme, about its successor
    done = subprocess.run(line, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(line)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def pages(folder: Path) -> dict[str, Seen]:
    """Return what each page of the site has, by its name in the site's folder."""
    return {str(each.relative_to(folder)): read(each.read_text("utf-8")) for each in sorted(folder.rglob("*.html"))}


def read(text: str) -> Seen:
    """Return what a page has."""
    reader = _Reader()
    reader.feed(text)
    return reader.seen


def sources() -> dict[str, Path]:
    """Return the file that each page is made of, by the page's name in the site's folder."""
    docs = CHECKOUT / "docs"
    inside = {str(each.relative_to(docs)): each for each in docs.rglob("*.md")}
    outside = {name: CHECKOUT / source for source, name in OUTSIDE.items()}
    return {_built(name): file for name, file in (inside | outside).items()}


def _built(name: str) -> str:
    html = name.removesuffix(".md") + ".html"
    return f"{html.removesuffix('README.html')}index.html" if name.endswith(INDEX) else html


def commonmark(text: str) -> Counter[tuple[str, int]]:
    """Return how often each kind of part is in a page as GitHub shows it."""
    html = MarkdownIt("commonmark").enable("table").render(text)
    return read(f"<article>{html}</article>").parts


def dead(folder: Path, found: dict[str, Seen]) -> list[str]:
    """Return the links of the site that lead to no file and no fragment of it, and what it loads and does not have."""
    return [
        f"{page}: {target}: {problem}"
        for page, seen in found.items()
        for target in (*seen.links, *seen.loads)
        if not leaves(target) and (problem := _problem(folder, found, page, target))
    ]


def _problem(folder: Path, found: dict[str, Seen], page: str, target: str) -> str | None:
    parts = urlsplit(target)
    base = folder if page == "404.html" else (folder / page).parent
    path = unquote(parts.path)
    file = (folder / path.lstrip("/") if path.startswith("/") else base / path).resolve() if path else folder / page
    if file.is_dir():
        file /= "index.html"
    if not file.is_file():
        return "no such file"
    name = str(file.relative_to(folder.resolve())) if path else page
    if parts.fragment and name in found and unquote(parts.fragment) not in found[name].ids:
        return "no such fragment"
    return None


def leaves(target: str) -> bool:
    """Say whether a link leads away from the site."""
    parts = urlsplit(target)
    return bool(parts.scheme or parts.netloc)


def into_the_repository(target: str) -> str | None:
    """Return the file or folder of the repository that a link leads to, if it does."""
    rest = target.partition("#")[0].removeprefix(f"{REMOTE}/")
    kind, _, path = rest.partition("/main/")
    return unquote(path) if kind in {"blob", "tree"} else None


def elsewhere(found: dict[str, Seen]) -> Iterator[str]:
    """Return the addresses outside of the site and the repository that pages link to, sorted."""
    targets = {target for seen in found.values() for target in seen.links if leaves(target)}
    yield from sorted(each for each in targets if not each.startswith(REMOTE))


def main(folder: Path) -> None:
    """Build the site, and list the links that leave it."""
    build(folder)
    found = pages(folder)
    print(f"{len(found)} pages in {folder}. They link to these addresses elsewhere, which nobody has fetched:")
    print("\n".join(f"  {each}" for each in elsewhere(found)))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
