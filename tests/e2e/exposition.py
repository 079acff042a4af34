"""What /metrics shows at one moment, as numbers."""

from prometheus_client.parser import text_string_to_metric_families


class Exposition:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def __contains__(self, name: str) -> bool:
        return any(sample.name == name for sample in self._samples)

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name which have all these labels; 0 where there is none yet."""
        matching = (s for s in self._samples if s.name == name and labels.items() <= s.labels.items())
        return sum(sample.value for sample in matching)

    def labels(self, name: str) -> dict[str, str]:
        """The labels of the only sample of that name."""
        (found,) = [sample.labels for sample in self._samples if sample.name == name]
        return found
