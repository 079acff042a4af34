"""`headroom fit`: how many more, and what runs out first."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.manifests import deployment
from webhook.cli import fit as command
from webhook.cli.main import main
from webhook.core.forecast.questions import FitAnswer, FitQuestion


def run(server: str, *arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["fit", "--server", server, *map(str, arguments)], input=given)


def test_how_many_more(server: str) -> None:
    result = run(server, "-f", "-", given=deployment("a", 1, "2Gi"))
    assert result.exit_code == 0
    said = (
        "Room for 3 more pods of Deployment/a: memory requests of the cluster run out first; the nodes could hold 6.\n"
    )
    assert result.stdout == said


def test_in_a_ratio(server: str, tmp_path: Path) -> None:
    for name, memory in (("a", "2Gi"), ("b", "1Gi")):
        (tmp_path / name).write_text(deployment(name, 1, memory))
    result = run(server, "-f", tmp_path / "a", "-f", tmp_path / "b", "--ratio", "1:2", "-o", "json")
    assert json.loads(result.stdout)["sets"] == 1
    assert (
        "sets of 1 Deployment/a and 2 Deployment/b"
        in run(server, "-f", tmp_path / "a", "-f", tmp_path / "b", "--ratio", "1:2").stdout
    )


def test_none(server: str) -> None:
    assert run(server, "-f", "-", given=deployment("a", 1, "7Gi")).exit_code == 1


def test_none_whatever_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def fit(self, _: FitQuestion) -> FitAnswer:
            why = "pod shop/a requests no memory, which missingRequests: deny refuses."
            return FitAnswer(0, 0, 7, None, None, ("Pod/a",), (1,), why)

    monkeypatch.setattr(command, "source", lambda _: Refusing())
    result = run("http://127.0.0.1:1", "-f", "-", given="kind: Pod")
    assert (result.exit_code, result.stdout) == (
        1,
        "Room for none, whatever is free: pod shop/a requests no memory, which missingRequests: deny refuses.\n",
    )


@pytest.mark.parametrize("ratio", ["0:1", "a", "1:", "1:2:3", "99999"])
def test_a_ratio_that_is_none(server: str, ratio: str) -> None:
    result = run(server, "-f", "-", "--ratio", ratio, given=deployment("a", 1, "1Gi"))
    assert result.exit_code == 2
