"""One browser for all tests here, and the states that the page has to show."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser

from tests.support import accounts
from tests.support.browser import chromium
from tests.support.served import Account, served
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.traits import Traits

BOTH = "thresholds: {memory: {requests: 75%, limits: 100%}}"
HOSTILE = "<img/src=x/onerror=document.title='hacked'>"
LONG = "n" * 63


@pytest.fixture(scope="module")  # Playwright's event loop runs for as long as the browser: no other test may meet it
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def three_nodes(pods: int, settings: str = BOTH) -> Ledger:
    """Three nodes of 8Gi, with so many pods of 1Gi (1.2Gi limits)."""
    ledger = accounts.ledger(settings, *(accounts.node(f"node-{number}") for number in (1, 2, 3)))
    fill(ledger, pods)
    return ledger


def fill(ledger: Ledger, pods: int) -> None:
    for number in range(pods):
        pod = accounts.pod(f"web-{number}", 1, f"node-{number % 3 + 1}", limits=1.2)
        ledger.see(replace(pod, traits=Traits(("Deployment", "web"))))


def over() -> Ledger:
    """A node was lost: what is committed is past the threshold."""
    ledger = three_nodes(18)
    ledger.see_node(accounts.node("node-3", cordoned=True), 1.0)
    return ledger


def many_pools() -> Ledger:
    """Eight pools, one of them over."""
    names = [f"pool-{number}" for number in range(8)]
    pools = ", ".join(
        f"{{name: {n}, nodeSelector: {{pool: {n}}}, thresholds: {{memory: {{requests: 50%}}}}}}" for n in names
    )
    ledger = accounts.ledger(f"{BOTH}\npools: [{pools}]", *(accounts.node(f"n-{n}", pool=n) for n in names))
    for number, name in enumerate(names):
        ledger.see(accounts.pod(f"p-{name}", number * 0.7, f"n-{name}", limits=5))
    return ledger


def large() -> Ledger:
    """5,000 nodes, and 2,000 namespaces with the longest names."""
    nodes = [accounts.node(f"node-{number:04d}") for number in range(5000)]
    ledger = accounts.ledger(BOTH, *nodes)
    for number in range(5000):
        pod = accounts.pod("p", number % 7, f"node-{number:04d}", limits=4, uid=f"u{number}")
        ledger.see(replace(pod, name=f"{LONG[:-4]}{number % 2000:04d}/p-{number}"))
    return ledger


def hostile() -> Ledger:
    """Names that would be markup."""
    ledger = accounts.ledger(BOTH, accounts.node(HOSTILE))
    ledger.see(replace(accounts.pod("p", 1, HOSTILE), name=f"{HOSTILE}/p", traits=Traits((HOSTILE, HOSTILE))))
    return ledger


STATES = {
    "empty": lambda: three_nodes(0),
    "half": lambda: three_nodes(9),
    "near": lambda: three_nodes(17),
    "full": lambda: three_nodes(18),
    "over": over,
    "audit": lambda: three_nodes(20, f"{BOTH}\nmode: audit"),
    "pools": many_pools,
    "large": large,
    "hostile": hostile,
}


@pytest.fixture(params=sorted(STATES))
def state(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the page, in each of the states."""
    with served(Account(STATES[request.param]())) as url:
        yield f"{url}/ui/"


@pytest.fixture
def half() -> Iterator[str]:
    with served(Account(three_nodes(9))) as url:
        yield f"{url}/ui/"


@pytest.fixture
def near() -> Iterator[str]:
    with served(Account(three_nodes(17))) as url:
        yield f"{url}/ui/"
