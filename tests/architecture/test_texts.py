"""No text of the repository names a folder of one machine or a package registry; the check sees those that would."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.check_texts import faults

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


@needs_git
@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("see /" + "root/notes", "a folder of one machine"),
        ("DATA=/" + "home/anna/candles", "a folder of one machine"),
        ('"resolved": "https://registry.npm' + 'js.org/a.tgz"', "a package registry"),
        ("pip install -i https://py" + "pi.org/simple x", "a package registry"),
    ],
)
def test_a_text_of_one_machine_is_found(repository: Path, line: str, what: str) -> None:
    (repository / "notes.md").write_text(f"fine\n{line}\n", "utf-8")
    (found,) = faults(repository)
    assert found.startswith(f"notes.md:2: {what}")


@needs_git
def test_the_folder_around_the_clone_is_found(repository: Path) -> None:
    (repository / "notes.md").write_text(f"run {repository.parent}/tool\n", "utf-8")
    (found,) = faults(repository)
    assert "a folder of one machine" in found


@needs_git
def test_ordinary_paths_and_ignored_files_are_left_alone(repository: Path) -> None:
    (repository / "notes.md").write_text("docs/root/x, $HOME/x, ./work/x, example.org/home/x, /home/me/x\n", "utf-8")
    (repository / ".gitignore").write_text("*.log\n", "utf-8")
    (repository / "run.log").write_text("/" + "root/x/y\n", "utf-8")
    assert list(faults(repository)) == []
