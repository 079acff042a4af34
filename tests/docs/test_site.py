"""The site of the documentation is whole: every page, every part of it, no dead link, and nothing from elsewhere."""

from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from release.site import indented, led, navigation
from tests.docs import links, site
from tests.docs.clone import CHECKOUT
from tests.docs.site import Seen

REPOSITORY = "https://github.com/OWNER/headroom"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site")
    site.build(built)
    return built


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Seen]:
    return site.pages(folder)


def test_every_page_of_the_repository_is_on_the_site(found: dict[str, Seen]) -> None:
    sources = site.sources()
    assert {str(each.relative_to(CHECKOUT)) for each in sources.values()} == set(links.pages(CHECKOUT))
    assert set(found) == {*sources, "404.html"}


def test_no_link_is_dead_and_no_picture_is_missing(folder: Path, found: dict[str, Seen]) -> None:
    assert site.dead(folder, found) == []


def test_a_link_into_the_repository_leads_to_a_file_there(found: dict[str, Seen]) -> None:
    led_to = {site.into_the_repository(target) for seen in found.values() for target in seen.links} - {None}
    assert led_to >= {"manifests", "charts/headroom"}
    assert [each for each in led_to if each and not (CHECKOUT / each).exists()] == []


def test_a_link_elsewhere_is_over_tls(found: dict[str, Seen]) -> None:
    """That something answers there is not tested: tests fetch nothing. `make site` lists them."""
    targets = [*site.elsewhere(found)]
    assert "https://locust.io" in targets
    assert [each for each in targets if urlsplit(each).scheme != "https"] == []


def test_a_page_loads_nothing_from_elsewhere(found: dict[str, Seen]) -> None:
    assert {target for seen in found.values() for target in seen.loads if site.leaves(target)} == set()


@pytest.mark.parametrize("page", site.sources())
def test_a_page_has_the_parts_that_github_shows(found: dict[str, Seen], page: str) -> None:
    """Python-Markdown, which the site is made by, reads lists in another way than CommonMark."""
    assert found[page].parts == site.commonmark(site.sources()[page].read_text(encoding="utf-8"))


# --- the hooks and the checker themselves


@pytest.mark.parametrize(
    ("page", "target", "there"),
    [
        ("install.md", "clouds.md#aks", "clouds.md#aks"),
        ("install.md", "../README.md#set-it", "about.md#set-it"),
        ("adr/README.md", "../../CONTRIBUTING.md", "../contributing.md"),
        ("about.md", "docs/README.md", "README.md"),
        ("about.md", "docs/adr/README.md#x", "adr/README.md#x"),
        ("chart.md", "../../docs/install.md", "install.md"),
        ("demo.md", "../manifests", f"{REPOSITORY}/tree/main/manifests"),
        ("testing.md", "../Makefile", f"{REPOSITORY}/blob/main/Makefile"),
        ("demo.md", "nothing.py", "nothing.py"),
        ("install.md", "#here", "#here"),
        ("install.md", "https://example.com/a.md", "https://example.com/a.md"),
    ],
)
def test_a_link_is_led_to_the_page_or_into_the_repository(page: str, target: str, there: str) -> None:
    assert led(page, target, REPOSITORY) == there


def test_each_page_is_in_the_navigation() -> None:
    docs = CHECKOUT / "docs"
    files = [docs / name for name in ("README.md", "a.md", "b.md", "new.md", "x/1.md", "x/README.md")]
    nav = ["README.md", {"A": ["a.md"]}, {"B": "b.md"}, {"X": "x/"}]
    assert navigation(nav, files) == [*nav[:3], {"X": ["x/README.md", "x/1.md"]}, {"More": ["new.md"]}]


def test_what_belongs_to_an_item_is_indented_by_4() -> None:
    text = "Text:\n- a\n  b\n  - c\n    d\n\n1. e\n\n   ```\n   - f\n   ```\n2. g"
    assert indented(text).split("\n") == [
        *("Text:", "", "- a", "    b", "    - c", "        d", ""),
        *("1. e", "", "    ```", "    - f", "    ```", "", "2. g"),
    ]


def test_what_is_no_list_stays_as_it_is() -> None:
    text = "# A\n\nb\n\n    - code\n\n```\n- c\n  d\n```\n"
    assert indented(text) == text


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("b.html", None),
        ("b.html#two", None),
        ("#one", None),
        ("c.html", "no such file"),
        ("b.html#one", "no such fragment"),
        ("#two", "no such fragment"),
        ("https://example.com/c.html", None),
    ],
)
def test_a_dead_link_of_the_site_is_found(tmp_path: Path, link: str, problem: str | None) -> None:
    (tmp_path / "a.html").write_text(f'<h1 id="one">A</h1><a href="{link}">b</a>')
    (tmp_path / "b.html").write_text('<h1 id="two">B</h1>')
    dead = [f"a.html: {link}: {problem}"] if problem else []
    assert site.dead(tmp_path, site.pages(tmp_path)) == dead


def test_parts_are_counted_by_the_items_that_they_are_in() -> None:
    seen = site.read("<ul><li>menu</li></ul><article><ul><li>a<ul><li>b</li></ul></li></ul><pre></pre></article>")
    assert seen.parts == Counter({("li", 0): 1, ("li", 1): 1, ("pre", 0): 1})
