"""The samples of one scrape of /metrics, as numbers."""

from prometheus_client.parser import text_string_to_metric_families


class Exposition:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def __contains__(self, name: str) -> bool:
        return any(sample.name == name for sample in self._samples)

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and all these labels; 0 if there is none."""
        matching = (s for s in self._samples if s.name == name and labels.items() <= s.labels.items())
        return sum(sample.value for sample in matching)

    def labels(self, name: str) -> dict[str, str]:
        """Return the labels of the only sample with this name."""
        (found,) = [sample.labels for sample in self._samples if sample.name == name]
        return found
