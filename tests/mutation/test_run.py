"""The run, on a project that was made up: what is noticed, what is not, and that the checkout stays as it is."""

from pathlib import Path

import pytest

from tests.mutation import equivalent
from tests.mutation.__main__ import shown
from tests.mutation.equivalent import Equivalent
from tests.mutation.rooms import Room, rooms
from tests.mutation.run import Mutant, Trial, apart, draw, mutants, rates, tried
from tests.mutation.sandbox import BaselineError

CHECKOUT = Path(__file__).parents[2]
ROOM = Room("things", ("things.py",), ("test_things.py",))
CODE = "def fits(a, most):\n    return a <= most\n\n\ndef half(a):\n    return a // 2\n"
TESTS = (
    "from things import fits, half\n\n\ndef test_it():\n    assert fits(2, 2)\n    assert not fits(3, 2)\n    half(4)\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A room whose tests know `fits` to the edge, and call `half` without looking at what it says."""
    (tmp_path / "things.py").write_text(CODE)
    (tmp_path / "test_things.py").write_text(TESTS)
    return tmp_path


def files(project: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in project.rglob("*") if path.is_file()}


def changes(project: Path, seconds: float = 300.0) -> dict[str, bool]:
    found = mutants(project, [ROOM])
    return {trial.mutant.edit.change: trial.noticed for trial in tried(project, found, 1, seconds)}


def test_a_fault_that_the_tests_see_is_noticed_and_one_that_they_do_not_see_survives(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = files(project)
    monkeypatch.setattr("tests.mutation.sandbox._AT_LEAST", 240.0)  # however loaded the machine is
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("scratch")))
    assert changes(project) == {
        "a <= most  →  a < most": True,
        "a <= most  →  a > most": True,
        "a // 2  →  a * 2": False,
        "2  →  3": False,
    }
    assert files(project) == before, "the faults were put into a copy"
    assert list(tmp_path_factory.getbasetemp().glob("scratch*/*")) == [], "which is gone"


def test_an_endless_loop_is_noticed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "things.py").write_text("def fits(a, most):\n    while a > most:\n        a -= 1\n    return a\n")
    (project / "test_things.py").write_text("from things import fits\n\n\ndef test_it():\n    fits(2, 1)\n")
    monkeypatch.setattr("tests.mutation.sandbox._AT_LEAST", 1.0)
    monkeypatch.setattr("tests.mutation.sandbox._TIMES", 2)
    found = [mutant for mutant in mutants(project, [ROOM]) if mutant.edit.after == "(dropped)"]
    assert [trial.noticed for trial in tried(project, found, 1, 300.0)] == [True]


def test_tests_that_fail_without_a_fault_show_nothing(project: Path) -> None:
    (project / "test_things.py").write_text("def test_it():\n    assert False\n")
    with pytest.raises(BaselineError, match="the tests of things do not pass without a fault"):
        changes(project)


def test_when_the_time_is_up_nothing_more_is_tried(project: Path) -> None:
    assert changes(project, seconds=0.0) == {}


# -- what is drawn -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def here() -> list[Mutant]:
    """All faults of one room of this project."""
    return mutants(CHECKOUT, [room for room in rooms(CHECKOUT) if room.name in ("values", "backoff")])


def test_the_same_seed_draws_the_same_and_another_one_others(here: list[Mutant]) -> None:
    assert draw(here, 20, 1) == draw(here, 20, 1)
    assert len(set(draw(here, 20, 1))) == 20
    assert draw(here, 20, 1) != draw(here, 20, 2)
    assert len(draw(here, 10**6, 1)) == len(here)


def test_the_rate_is_counted_by_room(project: Path) -> None:
    one = mutants(project, [ROOM])
    other = mutants(project, [ROOM._replace(name="others")])
    trials = [*zip(one, (True, True, True, False), strict=True), *zip(other[:1], (False,), strict=True)]
    assert rates(Trial(*each) for each in trials) == {"things": (3, 4), "others": (0, 1)}


def test_what_survives_is_shown_with_its_place_and_each_room_with_its_rate(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = mutants(project, [ROOM])
    others = [mutant._replace(room=ROOM._replace(name="others")) for mutant in found]
    seen: list[Trial] = []
    shown([*(Trial(each, noticed=each.edit.line == 2) for each in found), Trial(others[0], noticed=True)], seen)
    assert capsys.readouterr().out.splitlines() == [
        "  things.py:6  a // 2  →  a * 2",
        "  things.py:6  2  →  3",
        "things: 2 of 4, 50.0%",
        "others: 1 of 1, 100.0%",
    ]
    assert len(seen) == 5


def test_a_fault_that_is_known_to_be_equivalent_is_not_tried(project: Path) -> None:
    known = [
        Equivalent("things.py", "return a // 2", "2  →  3", "nobody looks"),
        Equivalent("things.py", "return a // 3", "3  →  4", "this line is gone"),
    ]
    left, stale = apart(mutants(project, [ROOM]), known)
    assert [mutant.edit.change for mutant in left if mutant.code == "return a // 2"] == ["a // 2  →  a * 2"]
    assert stale == known[1:]


# -- this project ------------------------------------------------------------------------------------------------------


def test_every_room_has_its_code_and_its_tests() -> None:
    for room in rooms(CHECKOUT):
        assert room.sources
        for path in (*room.sources, *room.tests):
            assert (CHECKOUT / path).exists(), (
                f"{room.name}: {path} was moved; tests/mutation/rooms.py says where it is"
            )


def test_every_package_of_the_core_is_a_room_but_the_protocol() -> None:
    packages = {path.parent.name for path in (CHECKOUT / "webhook/core").glob("*/__init__.py")}
    assert packages - {room.name for room in rooms(CHECKOUT)} == {"sharing"}


def test_each_equivalent_fault_has_a_reason(tmp_path: Path) -> None:
    known = equivalent.read()
    assert len({each.key for each in known}) == len(known)
    bad = tmp_path / "bad.toml"
    entry = 'file = "a.py"\ncode = "a"\nchange = "b"\n'
    for reason in ("", 'reason = " "\n'):
        bad.write_text(f"[[equivalent]]\n{entry}{reason}")
        with pytest.raises(ValueError, match="none of them empty"):
            equivalent.read(bad)
    bad.write_text(f'[[equivalent]]\n{entry}reason = "why"\n')
    assert equivalent.read(bad) == [Equivalent("a.py", "a", "b", "why")]
