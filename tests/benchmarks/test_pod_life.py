"""A pod's life: what is promised of it, and that another checkout's webhook is the one that is measured."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.figures import Chapter
from benchmarks.pace import OTHERS, PACE
from benchmarks.pod_life import BEFORE, BYTES, CASE, COLUMNS, CPU, NONE, ONE, QUOTA, TWO, claims, notes, serve_from

ROOT = Path(__file__).parents[2]
KEPT = {NONE: 24.0, QUOTA: 35.0, BYTES: 26.0, ONE: 27.0, TWO: 27.5, BEFORE[ONE]: 26.8, BEFORE[TWO]: 27.2}


def chapter(failures: float = 0, **changed: float) -> Chapter:
    """Three rounds in which each costs what is promised, but for what is changed."""
    made = Chapter("", COLUMNS)
    for number in (1, 2, 3):
        for rival, value in {**KEPT, **changed}.items():
            figures = {CPU: value + number / 100, "failures": failures, PACE: 30.0, OTHERS: 0.0}
            made.add(CASE, rival, number, figures)
    return made


def test_what_is_promised_holds() -> None:
    made = claims(chapter())
    assert [claim.holds for claim in made] == [True] * 5


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({ONE: 28.5}, {1, 2}),
        ({TWO: 28.5, BEFORE[TWO]: 28.5}, {3}),
        ({BEFORE[ONE]: 26.0}, {2}),
        ({BEFORE[TWO]: 26.0}, {4}),
        ({"failures": 1}, {0}),
    ],
)
def test_what_costs_more_breaks_its_promise(changed: dict[str, float], broken: set[int]) -> None:
    assert {index for index, claim in enumerate(claims(chapter(**changed))) if not claim.holds} == broken


def test_without_another_checkout_nothing_is_said_of_before() -> None:
    made = chapter()
    made.samples = [sample for sample in made.samples if sample.rival not in BEFORE.values()]
    assert len(claims(made)) == 3


def test_what_each_costs_beyond_no_webhook_is_told_side_by_side() -> None:
    told = notes(chapter(), 0)
    assert [line.partition(":")[0] for line in told[:6]] == [name for name in KEPT if name != NONE]
    assert f"{ONE}: 3 (3-3) ms of a pod's life beyond no webhook" in told


@pytest.mark.parametrize("checkout", [None, "other"])
def test_a_replica_runs_by_the_code_of_its_checkout(checkout: str | None, tmp_path: Path) -> None:
    where = None if checkout is None else tmp_path
    if where is not None:
        (where / "webhook").mkdir()
        (where / "webhook" / "__init__.py").write_text("")
    command = [*map(str, serve_from(where))]
    assert command[-3:] == ["-m", "benchmarks.one_port", "serve"]
    code = "import webhook; print(webhook.__file__)"
    found = subprocess.run([*command[:-3], "-c", code], capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).parents[1] == (where or ROOT)


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["pod-life", "--baseline", str(tmp_path)])
    assert "is not a checkout of Headroom: webhook/manager.py is not in it" in capsys.readouterr().err
