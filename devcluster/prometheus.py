"""Prometheus and promtool, for the tests of metrics and alerts: built once from their Go modules, and a started server.

Their Go module is prometheus-modules/.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import urllib3
import yaml

from devcluster import tools
from devcluster.components import LOOPBACK
from devcluster.ports import free_port
from devcluster.processes import Program
from devcluster.toolchain import MODULE
from devcluster.tools import Tool

PROGRAMS: Final = ("prometheus", "promtool")

TOOL: Final = Tool(
    "prometheus",
    MODULE / "prometheus-modules",
    tuple(f"github.com/prometheus/prometheus/cmd/{name}" for name in PROGRAMS),
    # Without the clouds' service discovery, whose clients are most of what there is to compile.
    ("-tags=remove_all_sd",),
)
_START_SECONDS: Final = 60.0


def programs() -> Path:
    """Return the folder that holds `prometheus` and `promtool`; build them first if nobody has."""
    return tools.programs(TOOL)


class Prometheus:
    """A Prometheus on loopback that scrapes, evaluates rules and answers queries, until it is stopped.

    All its files are below `work`. `scrape` has its scrape_configs and `rules` the files of its rules; both are done
    every `every`, a duration such as 1s.
    """

    def __init__(self, work: Path, scrape: Sequence[Mapping[str, Any]], rules: Sequence[Path], every: str) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        self._program: Program | None = None
        self._work = work
        (work / "prometheus.yml").write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
                    "rule_files": [str(file) for file in rules],
                    "scrape_configs": [dict(each) for each in scrape],
                }
            )
        )

    def __enter__(self) -> Self:
        log = self._work / "prometheus.log"
        command: list[str | Path] = [
            programs() / "prometheus",
            f"--config.file={self._work / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._work / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self._port}",
        ]
        self._program = Program("prometheus", command, log)
        self._program.until(self._ready, "the start of Prometheus", _START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._program is not None:
            self._program.kill()
            self._program = None

    @property
    def url(self) -> str:
        """The address below which it answers."""
        return f"http://{LOOPBACK}:{self._port}"

    def ask(self, path: str, **fields: str) -> Any:
        """Return the data of an answer of its API, such as `targets` or `query`; raises ValueError with its error."""
        answer = urllib3.request("GET", f"{self.url}/api/v1/{path}", fields=fields, retries=False).json()
        if answer["status"] != "success":
            raise ValueError(f"{path} {fields}: {answer['error']}")
        return answer["data"]

    def query(self, expression: str) -> list[Any]:
        """Return the samples of an expression at this moment: each with `metric` and `value`."""
        found: list[Any] = self.ask("query", query=expression)["result"]
        return found

    def _ready(self) -> bool:
        try:
            return urllib3.request("GET", f"{self.url}/-/ready", retries=False, timeout=1.0).status == 200
        except urllib3.exceptions.HTTPError:
            return False
