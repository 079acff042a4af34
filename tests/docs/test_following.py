"""That a page which is wrong is found to be, and how: with commands that need no cluster."""

import os
from pathlib import Path

import pytest

from devcluster.processes import start_time, until
from tests.docs import blocks, volatile
from tests.docs.blocks import Command, File
from tests.docs.following import Follower
from tests.docs.shell import TOOK_TOO_LONG, Done, Shell, without


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, os.environ)


def problems(shell: Shell, page: str) -> list[str]:
    return Follower(shell).follow(blocks.steps(page))


RIGHT = """
```yaml
# folder/a.yaml
kind: Pod
```

```sh
# a remark
cd folder
export WORD=one \\
  OTHER=two
```

- In a list:

  ```console
  $ cat a.yaml && echo "$WORD $OTHER"
  # folder/a.yaml
  kind: Pod
  one
  two
  $ echo 'Error from server: no' && false
  Error from server: no
  $ true
  ```
"""


def test_a_page_that_is_right(shell: Shell) -> None:
    assert problems(shell, RIGHT) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("```sh\nfalse\n```", "line 2: false\nended with 1"),
        ("```sh\nfalse | cat\n```", "ended with 1"),
        ("```sh\nno-such-command-here\n```", "ended with 127"),
        ("```console\n$ echo two\none\n```", "line 2: echo two\nshown:\none\nprinted (code 0):\ntwo"),
        ("```console\n$ echo two\n```", "printed (code 0):\ntwo"),
        ("```console\n$ true\none\n```", "printed (code 0):\n"),
        ("```console\n$ echo one; false\none\n```", "ended with 1"),
        ("```console\n$ echo 512Mi\n1Gi\n```", "printed (code 0):\n512Mi"),
        ("\n\n```sh\ntrue\nfalse\n```", "line 5: false"),
    ],
)
def test_a_page_that_is_wrong(shell: Shell, wrong: str, told: str) -> None:
    [problem] = problems(shell, wrong)
    assert told in problem


def test_a_command_that_is_said_to_end_with_a_code_has_to(shell: Shell) -> None:
    assert problems(shell, "```sh\n(exit 3)  # ends with 3\n```") == []
    assert len(problems(shell, "```sh\n(exit 2)  # ends with 3\n```")) == 1


def test_a_command_of_the_list_is_not_run(shell: Shell) -> None:
    assert problems(shell, "```sh\nmake test\n```") == []


@pytest.mark.parametrize(
    "page", ["```\nmake demo\n```", "```bash\nmake demo\n```", "```sh\nmake demo", "```console\nmake\n```"]
)
def test_a_block_that_nobody_could_run_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="line"):
        blocks.steps(page)


def test_what_is_in_a_page() -> None:
    file, *commands = blocks.steps(RIGHT)
    assert file == File(3, "folder/a.yaml", "# folder/a.yaml\nkind: Pod\n")
    assert [each.text for each in commands if isinstance(each, Command)][:2] == [
        "cd folder",
        "export WORD=one \\\n  OTHER=two",
    ]
    assert blocks.inline("Say `make  up\nNODES=3`, or `make`, or `kubectl get x`.") == [
        "make up NODES=3",
        "kubectl get x",
    ]
    assert blocks.indented("text\n\n    make up\n\n```sh\n    make\n```\n") == ["    make up"]


def test_writing_puts_what_is_printed_where_something_else_stands_and_where_it_is_quoted(shell: Shell) -> None:
    page = "```text\nold\n```\n- x\n  ```console\n  $ echo new\n  old\n  $ echo 10s\n  9s\n  ```\n"
    follower = Follower(shell, write=True)
    assert follower.follow(blocks.steps(page)) == []
    assert follower.written(page) == page.replace("old", "new")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("web  6/10  3s", "web 6/10\n14s"),
        ("pod default/web-68fbcfb797-77cqs does", "pod default/web-7d5c9f8b6-x2v4k\ndoes"),
        ("(x3 over 6s)", "(x14 over 1m6s)"),
        ("http://127.0.0.1:8080/metrics", "http://127.0.0.1:31234/metrics"),
    ],
)
def test_what_differs_from_run_to_run_is_not_compared(shown: str, printed: str) -> None:
    assert volatile.same(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("18Gi", "18.5Gi"),
        ("250m", "300m"),
        ("6/10", "7/10"),
        ("web-1", "web-2"),
        ("warnAt: 90%", "warnAt: 95%"),
        ("", "x"),
    ],
)
def test_what_a_reader_would_compare_is(shown: str, printed: str) -> None:
    assert not volatile.same(shown, printed)


def test_a_line_that_is_too_wide_is_wrapped_and_still_the_same() -> None:
    printed = "word " * 60 + "\n\n  {\n"
    assert max(map(len, volatile.wrapped(printed))) <= volatile.WIDTH
    assert volatile.same("\n".join(volatile.wrapped(printed)), printed)


def test_a_command_that_takes_too_long_is_ended(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    done = Done(TOOK_TOO_LONG, "")
    for seconds in (1.0, 10.0, 60.0):  # until it has begun: the first do on a machine that is not busy
        if done == Done(TOOK_TOO_LONG, ""):
            monkeypatch.setattr("tests.docs.shell.SECONDS", seconds)
            done = shell.run("echo begun; sleep 300")
    assert done == Done(TOOK_TOO_LONG, "begun\n")


def test_what_is_left_running_is_ended(shell: Shell) -> None:
    done = shell.run("sleep 300 &\necho $!")
    process = int(done.printed)
    assert start_time(process) is not None
    shell.end_background()
    until(lambda: start_time(process) is None, "the end of what was left running", 30.0)


def test_a_reader_has_nothing_of_this_checkout(tmp_path: Path) -> None:
    here = {"PATH": f"{tmp_path}/.venv/bin{os.pathsep}/usr/bin", "KUBECONFIG": "x", "MAKEFLAGS": "k", "HOME": "/h"}
    assert without(here, tmp_path, first=Path("/mine")) == {"PATH": f"/mine{os.pathsep}/usr/bin", "HOME": "/h"}
