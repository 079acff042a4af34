"""The page of metrics: what every collector yields, and behind it what is written without one, because it is long."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest

Writer = Callable[[], bytes]


class Registry(CollectorRegistry):
    """Collectors, and writers of families whose text is kept between scrapes or is made faster than from samples."""

    def __init__(self) -> None:
        super().__init__(auto_describe=False)
        self.writers: list[Writer] = []


def exposition(registry: CollectorRegistry) -> bytes:
    """Return the page; any thread may ask."""
    writers = registry.writers if isinstance(registry, Registry) else []
    return b"".join([generate_latest(registry), *(write() for write in writers)])
