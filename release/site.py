"""Hooks of mkdocs: pages of the repository that are not below docs/ become pages of the site, and links lead there.

A page is the same file on GitHub and on the site. Its links name files of the repository. On the site, a link to a page
leads to that page, and a link to any other file leads to the repository. mkdocs then checks them (`make site`).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from markdown_it import MarkdownIt
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]

OUTSIDE: Final = {
    "README.md": "about.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "SECURITY.md": "vulnerabilities.md",
    "demo/README.md": "demo.md",
    "charts/headroom/README.md": "chart.md",
}
"""Pages that are not below docs/, by their file in the repository, each with its name on the site."""

_DOCS: Final = ROOT / "docs"
_INDEX: Final = "README.md"
_INDENT: Final = 4
_MARKER: Final = re.compile(r" *((?:[-*+]|\d+[.)]) +)")
_ATTRIBUTES: Final = {"a": "href", "img": "src"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name each decision in the navigation, and at its end the pages that it does not name; have links led."""
    config.nav = navigation(config.nav or [], sorted(_DOCS.rglob("*.md")))
    config.markdown_extensions.append(_LEADING)  # type: ignore[arg-type] # Python-Markdown takes instances, too
    _LEADING.repository = str(config.extra["repository"])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not below docs/."""
    for source, name in OUTSIDE.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Note which page comes next, since mkdocs renders one after the other; indent its lists as mkdocs needs it."""
    _LEADING.page = page.file.src_uri
    return indented(markdown)


def indented(markdown: str) -> str:
    """Return a page with its lists as Python-Markdown needs them: what belongs to an item is indented by 4 spaces.

    In CommonMark, it is indented as far as the item's own text: by 2 spaces below `- `, by 3 below `1. `. Also, a list
    needs an empty line above it, and so does an item below one that has an empty line in it.
    """
    lines = markdown.split("\n")
    missing, above = [0] * len(lines), set[int]()
    for token in MarkdownIt("commonmark").parse(markdown):
        first, end = token.map or (0, 0)
        if token.type in {"bullet_list_open", "ordered_list_open"} and token.level == 0:
            above.add(first)
        elif token.type == "list_item_open" and (marker := _MARKER.match(lines[first])):
            for line in range(first + 1, end):
                missing[line] += _INDENT - len(marker[1])
            if not all(line.strip() for line in lines[first:end]):
                above.add(end)
    return "\n".join(_spaced(lines, missing, above))


def _spaced(lines: list[str], missing: list[int], above: set[int]) -> Iterator[str]:
    for number, (count, line) in enumerate(zip(missing, lines, strict=True)):
        if number in above and number and lines[number - 1].strip():
            yield ""
        yield " " * count + line if line.strip() else line


def led(page: str, target: str, repository: str) -> str:
    """Return a link of the page `page` of the site, which names a file of the repository, as the site needs it."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not parts.path:
        return target
    file = normpath(join(dirname(_source(page)), unquote(parts.path)))
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    inside = OUTSIDE.get(file) or (file.removeprefix("docs/") if file.startswith("docs/") else None)
    if inside and not (ROOT / file).is_dir():
        return relpath(inside, dirname(page) or ".") + fragment
    if file.startswith("..") or not (ROOT / file).exists():
        return target  # mkdocs says that it leads nowhere
    kind = "tree" if (ROOT / file).is_dir() else "blob"
    return f"{repository}/{kind}/main/{file}{fragment}"


def _source(page: str) -> str:
    by_name = {name: source for source, name in OUTSIDE.items()}
    return by_name.get(page, f"docs/{page}")


def navigation(nav: list[Any], files: list[Path]) -> list[Any]:
    """Return the navigation with a name for each of the pages `files`: `x/` stands for all in a folder."""
    pages = sorted((str(each.relative_to(_DOCS)) for each in files), key=lambda page: (not page.endswith(_INDEX), page))
    whole = [_unfolded(entry, pages) for entry in nav]
    rest = [page for page in pages if page not in _named(whole)]
    return [*whole, {"More": rest}] if rest else whole


def _unfolded(entry: Any, pages: list[str]) -> Any:
    if isinstance(entry, dict):
        return {
            title: [page for page in pages if page.startswith(value)]
            if isinstance(value, str) and value.endswith("/")
            else value
            for title, value in entry.items()
        }
    return entry


def _named(entry: Any) -> set[str]:
    if isinstance(entry, str):
        return {entry}
    return set().union(*map(_named, entry.values() if isinstance(entry, dict) else entry))


class _Leader(Treeprocessor):
    def run(self, root: Element) -> None:
        for element in root.iter():
            attribute = _ATTRIBUTES.get(element.tag)
            if attribute and (target := element.get(attribute)):
                element.set(attribute, led(_LEADING.page, target, _LEADING.repository))


class _Leading(Extension):
    page = ""
    repository = ""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown names it
        # Before mkdocs' own (priority 0), which checks links.
        md.treeprocessors.register(_Leader(md), "headroom-links", 1)


_LEADING: Final = _Leading()
