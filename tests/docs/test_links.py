"""No page has a dead link, and every page of docs/ is found from its index."""

from pathlib import Path

import pytest

from tests.docs import links
from tests.docs.clone import CHECKOUT

INDEX = CHECKOUT / "docs" / "README.md"
PAGES = links.pages(CHECKOUT)


def test_all_pages_are_looked_at() -> None:
    """A new page is, without a word about it anywhere; that those are found at all is what this holds."""
    assert set(PAGES) >= {"README.md", "docs/README.md", "docs/install.md", "docs/adr/README.md", "CONTRIBUTING.md"}


@pytest.mark.parametrize("page", PAGES)
def test_no_link_to_a_file_or_a_heading_is_dead(page: str) -> None:
    assert links.dead(CHECKOUT / page, CHECKOUT) == []


def test_each_page_of_the_documentation_is_reached_from_the_index() -> None:
    pages = {each.resolve() for each in (CHECKOUT / "docs").rglob("*.md")}
    assert pages - links.reached(INDEX) == set()


def test_the_index_itself_names_each_page_beside_it() -> None:
    named = {each.partition("#")[0] for each in links.targets(INDEX.read_text(encoding="utf-8"))}
    assert {each.name for each in INDEX.parent.glob("*.md")} - {INDEX.name} - named == set()


def test_the_readme_leads_to_the_index() -> None:
    named = links.targets((CHECKOUT / "README.md").read_text(encoding="utf-8"))
    assert "docs/README.md" in named


# --- the checker itself


@pytest.mark.parametrize(
    ("heading", "fragment"),
    [
        ("Try it first", "try-it-first"),
        ("1. See what is committed already", "1-see-what-is-committed-already"),
        ("5. Install: everything, then the gate", "5-install-everything-then-the-gate"),
        ("`mode: warn`, and what it does", "mode-warn-and-what-it-does"),
        ("What [pages](x.md) say", "what-pages-say"),
        ("The guard — and the preview", "the-guard--and-the-preview"),
        ("a_b", "a_b"),
    ],
)
def test_a_fragment_is_made_as_github_makes_it(heading: str, fragment: str) -> None:
    assert links.slug(heading) == fragment


def test_a_heading_that_comes_twice_has_a_number() -> None:
    assert links.anchors("# A\n## A\n### B\n# A\n") >= {"a", "a-1", "a-2", "b"}


def test_what_is_in_a_block_is_neither_a_heading_nor_a_link() -> None:
    page = "```sh\n# no heading\n```\n`[no](link.md)`\n[one](a.md) and [two](b.md#c)\n![picture](p.png)\n"
    assert links.anchors(page) == set()
    assert links.targets(page) == ["a.md", "b.md#c", "p.png"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# One\n[b](b.md) [here](#one) [web](https://example.com/x.md#y)\n")
    (tmp_path / "docs" / "b.md").write_text("# Two\n[up](../top.md) [code](../code.py)\n")
    (tmp_path / "docs" / "alone.md").write_text("# Three\n[a](a.md)\n")
    (tmp_path / "top.md").write_text("# Top\n")
    (tmp_path / "code.py").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("c.md", "no such file"),
        ("b.md#three", "no such heading"),
        ("#three", "no such heading"),
        ("../../elsewhere.md", "outside of the repository"),
    ],
)
def test_a_dead_link_is_found(site: Path, link: str, problem: str) -> None:
    page = site / "docs" / "a.md"
    assert links.dead(page, site) == []
    page.write_text(f"{page.read_text()}[dead]({link})\n")
    assert links.dead(page, site) == [f"{link}: {problem}"]


def test_a_page_to_which_nothing_leads_is_not_reached(site: Path) -> None:
    docs = site.resolve() / "docs"
    assert links.reached(site / "docs" / "a.md") == {docs / "a.md", docs / "b.md"}
