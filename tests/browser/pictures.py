"""`python -m tests.browser.pictures`: the pictures of the page in docs/, taken of the states that the tests look at."""

from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace
from playwright.sync_api import FloatRect

from tests.browser.conftest import three_nodes
from tests.support import accounts
from tests.support.browser import DESKTOP, PHONE, Scheme, chromium, opened
from tests.support.reports import blocked, denial
from tests.support.served import Account, Refused, served
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.traits import Traits

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
GI: Final = accounts.GI
_MESSAGE: Final = (
    "pod shop/web exceeds the cluster's memory headroom: it adds 1Gi of requests, 0 is free (18Gi of 18Gi committed; "
    "threshold 75% of allocatable). Lower its requests, free memory, or have thresholds.memory.requests raised in "
    "ConfigMap headroom-system/headroom-config"
)


class Picture(NamedTuple):
    """What is taken: the name of the file, the size of the window, light or dark."""

    name: str
    size: tuple[int, int] = DESKTOP
    scheme: Scheme = "light"


PICTURES: Final = (Picture("page"), Picture("page-dark", scheme="dark"), Picture("page-phone", PHONE))
WHAT_IF: Final = "page-what-if"
_CART: Final = """apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  replicas: 6
  template:
    spec:
      containers:
      - name: app
        resources: {requests: {memory: 1Gi}, limits: {memory: 1280Mi}}
"""


def full() -> Ledger:
    """Three nodes, full to the threshold, with pods of several namespaces."""
    ledger = three_nodes(0)
    holders = (
        ("shop", "web", 8),
        ("shop", "cart", 3),
        ("search", "index", 4),
        ("batch", "nightly", 2),
        ("ops", "logs", 1),
    )
    number = 0
    for namespace, name, pods in holders:
        for _ in range(pods):
            pod = accounts.pod(f"{name}-{number}", 1, f"node-{number % 3 + 1}", limits=1.25)
            ledger.see(replace(pod, name=f"{namespace}/{name}-{number}", traits=Traits(("Deployment", name))))
            number += 1
    return ledger


REFUSED: Final = Refused(
    denials=[
        denial("web", "2026-01-02T03:03:58.000Z", namespace="shop", owner_kind="ReplicaSet", owner_name="web-7d4b9c",
               top_owner_kind="Deployment", top_owner_name="web", message=_MESSAGE, count=4),
    ],
    blocked=[
        blocked("web", namespace="shop", missing=2, short_by=GI, count=4,
                since="2026-01-02T03:01:10.000Z", message=_MESSAGE),
        blocked("report", namespace="batch", kind="CronJob", missing=1, short_by=GI // 2, count=2,
                since="2026-01-02T03:02:40.000Z", message=_MESSAGE),
    ],
)  # fmt: skip


def take(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        url = stack.enter_context(served(Account(full()), REFUSED)) + "/ui/"
        browser = stack.enter_context(chromium())
        for each in PICTURES:
            with opened(browser, url, scheme=each.scheme, size=each.size) as page:
                page.wait_for_load_state("load")
                page.screenshot(path=folder / f"{each.name}.png", animations="disabled")
        with opened(browser, f"{url}?try.thresholds.memory.requests=90%25") as page:
            page.locator("#manifests").fill(_CART)
            page.locator("#check button").click()
            page.locator("#check-answer table").wait_for()
            page.evaluate("scrollTo(0, 0)")
            part = page.locator("#what-if").bounding_box()
            assert part is not None
            edge: FloatRect = {"x": 0, "y": part["y"], "width": DESKTOP[0], "height": part["height"] + 24}
            page.screenshot(path=folder / f"{WHAT_IF}.png", full_page=True, clip=edge, animations="disabled")


if __name__ == "__main__":
    take(FOLDER)
