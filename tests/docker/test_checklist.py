"""The commands of docs/PRODUCTION_CHECKLIST.md, against a deployment that runs."""

from __future__ import annotations

import re

import pytest

from tests.support.containers import ROOT, Deployment

LINE = re.compile(r"- \[ \] (?P<what>[^:]+): `(?P<command>.+?)`")
OTHERS = {
    "Tests pass": "runs this test",
    "The clock is right": "asks the host",
    "Safety works on paper": "changes the deployment; tests of its parts: test_scripts.py and test_kill_switch.py",
    "Health checks work on this machine": "test_scripts.py runs it",
    "There is a backup, elsewhere too": "test_scripts.py runs it",
    "It was deployed": "test_scripts.py runs it",
    "No restarts in 15 minutes": "takes 15 minutes",
    "Alerts arrive": "needs a channel; test_alerts_processes.py runs it",
    "State outlives a restart": "changes the deployment; test_compose.py does so",
}
FINDS_NOTHING = {"No errors", "The dashboard's password is set", "Limits are what you can lose"}
"""Where grep may find nothing and says so with exit code 1."""
COMMANDS = {
    line["what"]: line["command"] for line in LINE.finditer((ROOT / "docs/PRODUCTION_CHECKLIST.md").read_text())
}


def test_each_line_has_a_command() -> None:
    lines = [line for line in (ROOT / "docs/PRODUCTION_CHECKLIST.md").read_text().splitlines() if "[ ]" in line]
    assert len(COMMANDS) == len(lines) > 20
    assert OTHERS.keys() | FINDS_NOTHING <= COMMANDS.keys()


@pytest.mark.soak  # a dozen programs started for commands that seldom change
def test_they_answer(running: Deployment) -> None:
    (running.folder / "backups").mkdir(exist_ok=True)
    for what, command in COMMANDS.items():
        if what in OTHERS:
            continue
        here = command.replace("127.0.0.1:5173", f"127.0.0.1:{running.port}").replace(" exec ", " exec -T ")
        done = running.run("bash", "-o", "pipefail", "-c", here, check=False)
        assert done.returncode in ((0, 1) if what in FINDS_NOTHING else (0,)), f"{what}: {done.stdout}{done.stderr}"
        if what not in FINDS_NOTHING | {"Backups are being made"}:
            assert done.stdout, what
