"""For all tests: the control planes, which are started only when a test asks for one, and patience with the machine."""

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["devcluster.fixtures"]

# Processors are shared, and what a test is about is never how long an example takes.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

# Python's ssl forgets to close a socket whose peer resets it before the handshake, as a killed API server does. The
# warning comes when the socket is collected, which may be in the midst of any later test.
FORGOTTEN = "ignore:unclosed <ssl.SSLSocket:ResourceWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Excuse the sockets that Python's ssl forgets, where there is an API server; Headroom is another process there."""
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.filterwarnings(FORGOTTEN))
