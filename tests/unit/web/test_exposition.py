"""The page of metrics: what collectors yield, and then what is written without one."""

from prometheus_client import CollectorRegistry, Gauge

from webhook.web.exposition import Registry, exposition


def test_what_is_written_stands_behind_what_collectors_yield() -> None:
    registry = Registry()
    Gauge("size", "How large.", registry=registry).set(3)
    registry.writers += [lambda: b"one 1\n", lambda: b"two 2\n"]
    assert exposition(registry).decode().splitlines()[1:] == ["# TYPE size gauge", "size 3.0", "one 1", "two 2"]


def test_a_registry_of_the_library_has_nothing_else() -> None:
    registry = CollectorRegistry()
    Gauge("size", "How large.", registry=registry)
    assert exposition(registry).decode().splitlines() == ["# HELP size How large.", "# TYPE size gauge", "size 0.0"]
