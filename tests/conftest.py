"""Fixtures for all tests: the control planes, which are started only when a test asks for one."""

pytest_plugins = ["tests.cluster.fixtures"]
