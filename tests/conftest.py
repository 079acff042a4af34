"""For all tests: the control planes, which are started only when a test asks for one, and patience with the machine."""

from hypothesis import HealthCheck, settings

from tests.support.examples import UNIT

pytest_plugins = ["devcluster.fixtures"]

# Processors are shared, and what a test is about is never how long an example takes.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(UNIT, settings.get_profile("shared machine"), max_examples=20)  # of 100
settings.load_profile("shared machine")
