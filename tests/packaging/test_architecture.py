"""docs/architecture.md says what the code is: its pictures are made from the imports, and it names every room."""

import pytest

from tests.packaging.architecture import PICTURES, ROOT, arrows, layers, picture, shown

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PICTURES)
def test_the_picture_shows_the_imports_as_they_are(package: str) -> None:
    drawn = picture(layers(package), arrows(package))
    assert PICTURES[package].read_text(encoding="utf-8") == drawn, "make docs"


@pytest.mark.parametrize("package", PICTURES)
def test_the_page_has_a_paragraph_for_each_room(package: str) -> None:
    path = package.replace(".", "/")
    missing = [room for row in layers(package) for room in row if f"`{path}/{room}" not in PAGE]
    assert [room for room in missing if room != "manager"] == []


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    assert shown({("a", "b"): 1, ("b", "c"): 2, ("a", "c"): 3, ("a", "d"): 1}) == [("a", "b"), ("a", "d"), ("b", "c")]


def test_another_import_makes_another_picture() -> None:
    found = arrows("webhook")
    rows = layers("webhook")
    assert picture(rows, found) != picture(rows, found | {("kube", "http"): 1})
