"""This checkout as the repository that a page names, with what is not committed yet, for somebody who clones it."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from devcluster.binaries import binary
from tests.docs.shell import Done, Shell, without
from tests.e2e import patient

CHECKOUT = Path(__file__).parents[2]
REMOTE = "https://github.com/OWNER/headroom"  # as the pages name it: git is told that the copy here is meant
RELEASE = "v0.1.0"
CLONING = f"git clone {REMOTE}"


class Origin:
    """The repository, at `folder`, and the programs that its readers have beside what every system has."""

    def __init__(self, work: Path) -> None:
        self.folder, self._programs = work / "origin", work / "bin"
        _git(work, "init", "--quiet", "--initial-branch=main", str(self.folder))
        self._commit_what_is_here()
        _git(self.folder, "tag", RELEASE)
        self._programs.mkdir()
        (self._programs / "kubectl").symlink_to(binary("kubectl"))

    def reader(self, folder: Path, **variables: str) -> Shell:
        """A shell in an empty folder, of somebody who has these variables set."""
        folder.mkdir()
        environment = without(os.environ, CHECKOUT, first=self._programs) | variables
        meant = (f"url.file://{self.folder}.insteadOf", REMOTE), ("safe.directory", "*")
        for number, (key, value) in enumerate(meant):
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return Shell(folder, environment | {"GIT_CONFIG_COUNT": str(len(meant))})

    def _commit_what_is_here(self) -> None:
        listed = _git(CHECKOUT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in filter(None, listed.split("\0")):
            here, there = CHECKOUT / name, self.folder / name
            if here.is_file():
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(here, there)
        _git(self.folder, "add", "--all")
        who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false")
        _git(self.folder, *who, "commit", "--quiet", "--no-verify", "--message", "as it is")


def clone(shell: Shell) -> Done:
    """Clone, and have there at once what `make venv` makes (.ci/run makes it on a fresh checkout, from the network)."""
    done = shell.run(CLONING)
    if done.code == 0:
        _make_environment(shell.folder / REMOTE.rpartition("/")[2])
    return done


def _make_environment(folder: Path) -> None:
    """This checkout's packages, and the clone's code."""
    venv = folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)})
    Path(packages, "clone.pth").write_text(f"{folder}\n{sysconfig.get_path('purelib')}\n")
    command = venv / "bin" / "headroom"
    run = f"runpy.run_path({patient.__file__!r}, run_name='__main__')"
    command.write_text(f"#!{venv}/bin/python\nimport runpy\n{run}\n")
    command.chmod(0o755)
    (venv / ".made").touch()


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
