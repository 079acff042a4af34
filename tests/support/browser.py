"""A real Chromium, driven by Playwright; Debian's package `chromium`, or the program that CHROMIUM names."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, Page, sync_playwright

Scheme = Literal["light", "dark"]
DESKTOP, PHONE = (1280, 900), (390, 844)
MISSING = "there is no Chromium: install it (apt-get install chromium), or name the program in CHROMIUM"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser without a window."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise AssertionError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, *, scheme: Scheme = "light", size: tuple[int, int] = DESKTOP, scripts: bool = True
) -> Iterator[Page]:
    """Open a page; everything that it logs as an error, and every address elsewhere that it asks, fails the test."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, java_script_enabled=scripts
    )
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda error: faults.append(str(error)))
    here = url.partition("/ui")[0]
    page.on("request", lambda asked: None if asked.url.startswith(here) else faults.append(asked.url))
    page.goto(url, wait_until="domcontentloaded")
    try:
        yield page
    finally:
        context.close()
    assert faults == []


def violations(page: Page) -> list[Any]:
    """Return what axe-core finds against WCAG, as short lines."""
    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found]
