"""The samples of one scrape of /metrics, as numbers."""

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


class Exposition:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def __contains__(self, name: str) -> bool:
        return any(sample.name == name for sample in self._samples)

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and all these labels; 0 if there is none."""
        return sum(sample.value for sample in self.samples(name, **labels))

    def samples(self, name: str, **labels: str) -> list[Sample]:
        """Return the samples with this name and all these labels."""
        return [s for s in self._samples if s.name == name and labels.items() <= s.labels.items()]

    def labels(self, name: str, **labels: str) -> dict[str, str]:
        """Return all labels of the only sample with this name and these labels."""
        (found,) = self.samples(name, **labels)
        return found.labels
