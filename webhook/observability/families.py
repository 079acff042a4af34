"""Families of samples: what a collector yields, from plain numbers."""

from collections.abc import Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def counter(name: str, text: str, value: float) -> Metric:
    """Return a counter without labels; its sample is called `name` with `_total`."""
    return CounterMetricFamily(name, text, value=value)


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """Return a gauge for each value of one label."""
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family


def counters(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """Return a counter for each value of one label."""
    family = CounterMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family


class Series(NamedTuple):
    """A gauge with a series for each key of `values`; a key has the values of `labels`, which are sorted by name."""

    name: str
    text: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]

    def family(self) -> Metric:
        """Return it as the family that a collector yields."""
        family = GaugeMetricFamily(self.name, self.text, labels=self.labels)
        for key, value in self.values.items():
            family.add_metric(key, value)
        return family

    def written(self) -> str:
        """Return what `generate_latest` writes of the family, in a tenth of the time: there may be thousands."""
        names, known = [f'{label}="' for label in self.labels], dict[float, str]()
        lines = [f"# HELP {self.name} {_escaped(self.text)}\n# TYPE {self.name} gauge\n"]
        for key, value in self.values.items():
            figure = known.get(value)
            if figure is None:
                figure = known[value] = floatToGoString(value)  # type: ignore[no-untyped-call]
            where = ",".join([f'{name}{_escaped_label(each)}"' for name, each in zip(names, key, strict=True)])
            lines.append(f"{self.name}{{{where}}} {figure}\n")
        return "".join(lines)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _escaped_label(value: str) -> str:
    return _escaped(value).replace('"', r"\"")
