"""The page as people meet it: readable in every state, by keyboard, on a phone, without scripts, and safe."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import PHONE, opened, violations


def test_every_state_is_readable_by_eye_ear_and_on_a_phone(browser: Browser, state: str) -> None:
    with opened(browser, state) as page:
        expect(page.locator("h1")).not_to_be_empty()
        assert violations(page) == []
        for line in page.locator("#scopes .line.near, #scopes .line.over").all():
            assert line.locator(".word").inner_text() in ("near", "full", "over")  # never by colour alone
        for bar in page.locator("#scopes svg[role=img]").all():
            assert "committed of" in (bar.get_attribute("aria-label") or "")
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_in_the_dark(browser: Browser, near: str) -> None:
    with opened(browser, near, scheme="dark") as page:
        assert violations(page) == []


def test_a_phone_shows_the_verdict_the_load_lines_and_what_waits(browser: Browser, half: str) -> None:
    with opened(browser, half, size=PHONE) as page:
        expect(page.locator("#scopes .line").first).to_be_visible()
        expect(page.locator("#waiting")).to_be_visible()
        assert page.locator("#nodes details").get_attribute("open") is None


def test_it_works_without_scripts(browser: Browser, half: str) -> None:
    with opened(browser, half, scripts=False) as page:
        expect(page.locator("h1")).to_contain_text("Room for 9Gi of requests")
        page.locator("#nodes input[type=search]").fill("node-2")
        page.locator("#nodes input[type=search]").press("Enter")
        expect(page.locator("#nodes tbody tr")).to_have_count(1)
        page.locator("#what-if input[type=range]").first.fill("25")
        page.locator("#what-if form.try button").click()
        expect(page.locator("#what-if")).to_contain_text("Memory requests of the cluster would be over by 3Gi")


def test_search_sort_and_drill_down_are_in_the_address(browser: Browser, half: str) -> None:
    with opened(browser, half) as page:
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.type") == "search"
        page.keyboard.press("Escape")
        page.locator("#nodes thead a", has_text="Node").click()
        assert "nodes_sort=name" in page.url
        page.locator("#holders a", has_text="default").click()
        assert "by=workload" in page.url
        page.locator("#holders a", has_text="default/Deployment/web").click()
        assert "by=pod" in page.url
        expect(page.locator("#holders tbody tr")).to_have_count(9)


def test_a_slider_tries_a_threshold_and_a_link_shows_the_same(browser: Browser, half: str) -> None:
    with opened(browser, half) as page:
        _slide(page, "25")
        expect(page.locator("#what-if")).to_contain_text("would be over by 3Gi")
        expect(page.locator("#scopes .then-said").first).to_contain_text("then 3Gi over")
        expect(page.locator("#what-if pre")).to_have_text("thresholds:\n  memory:\n    requests: 25%")
        link = page.url
    with opened(browser, link) as page:
        expect(page.locator("#what-if output").first).to_have_text("25%")
        expect(page.locator("#what-if")).to_contain_text("would be over by 3Gi")


def _slide(page: Page, percent: str) -> None:
    slider = page.locator("#what-if input[type=range]").first
    slider.fill(percent)
    slider.dispatch_event("change")


def test_a_node_is_tried_without_by_a_click(browser: Browser, half: str) -> None:
    with opened(browser, half) as page:
        page.locator("#nodes a", has_text="try without").first.click()
        expect(page.locator("#what-if")).to_contain_text("3 of 3 pods of the nodes that go would be admitted again.")


POD = """apiVersion: v1
kind: Pod
metadata: {name: "<b id='hacked'>"}
spec:
  containers:
  - {name: c, resources: {requests: {memory: %s}, limits: {memory: %s}}}
"""


@pytest.mark.parametrize("scripts", [True, False])
def test_manifests_are_checked_and_the_address_stays(browser: Browser, half: str, *, scripts: bool) -> None:
    with opened(browser, f"{half}?by=workload", scripts=scripts) as page:
        page.locator("#manifests").fill(POD % ("10Gi", "10Gi"))
        page.locator("#check button").click()
        expect(page.locator("#check-answer")).to_contain_text("Not all pods fit: pod 1 of 1")
        expect(page.locator("#check-answer td").first).to_have_text("default")
        assert "by=workload" in page.url
        assert page.locator("#hacked").count() == 0
        if scripts:  # axe-core is one
            assert violations(page) == []
        page.locator("#manifests").fill(POD % ("1Gi", "1Gi"))
        page.locator("#check button").click()
        expect(page.locator("#check-answer")).to_contain_text("The pod fits.")


def test_an_answer_and_what_is_typed_stay_while_the_page_changes(browser: Browser, half: str) -> None:
    with opened(browser, half) as page:
        page.locator("#manifests").fill(POD % ("1Gi", "1Gi"))
        page.locator("#check button").click()
        expect(page.locator("#check-answer")).to_contain_text("fit")
        page.locator("#manifests").press_sequentially("# / typed")
        assert page.evaluate("document.activeElement.id") == "manifests"
        _slide(page, "25")
        expect(page.locator("#what-if")).to_contain_text("would be over by 3Gi")
        expect(page.locator("#check-answer")).to_contain_text("fit")
        assert page.locator("#manifests").input_value().endswith("# / typed")


def test_rows_are_walked_with_arrows(browser: Browser, half: str) -> None:
    with opened(browser, half) as page:
        page.locator("#nodes tbody tr button").first.focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.dataset.copy") == "kubectl describe node node-2"
