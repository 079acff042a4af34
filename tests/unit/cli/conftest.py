"""An account for the commands, served by the real REST API."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from tests.support import accounts
from tests.support.served import Account, served
from webhook.core.ledger.traits import Traits


@pytest.fixture
def account() -> Account:
    """Three nodes of 8Gi, threshold 75 %, and 12 of 18Gi committed by one Deployment."""
    ledger = accounts.ledger("", *(accounts.node(f"node-{number}") for number in (1, 2, 3)), requests="75%")
    for number in range(12):
        pod = accounts.pod(f"web-{number}", 1, f"node-{number % 3 + 1}", limits=1)
        ledger.see(replace(pod, traits=Traits(("Deployment", "web"))))
    return Account(ledger)


@pytest.fixture
def server(account: Account) -> Iterator[str]:
    """The address at which the account is served."""
    with served(account) as url:
        yield url
