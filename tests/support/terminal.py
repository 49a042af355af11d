"""Drives commands in a pseudo-terminal: what a person would see, and the exit code.

Loading Python's packages takes far longer than a command, so one process of its own, without threads, loads them once
and forks for each command (`python -m tests.support.terminal`): a JSON line in for each call, one out.
"""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Shown:
    """What one command left on its terminal (lines end in a plain newline), and its exit code; -1: it did not end."""

    code: int
    text: str


class Terminal:
    """A terminal to type commands into."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.terminal"],
            cwd=ROOT,
            env={**environ, "OPENBLAS_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "200", "LINES": "50"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def type(self, *arguments: str, cwd: Path, **environ: str) -> Shown:
        """Run `tradebot` with these arguments in `cwd`, as a process whose input and outputs are a terminal."""
        assert self._server.stdin is not None and self._server.stdout is not None
        call = {"arguments": arguments, "cwd": str(cwd), "environ": environ}
        self._server.stdin.write(json.dumps(call) + "\n")
        self._server.stdin.flush()
        return Shown(**json.loads(self._server.stdout.readline()))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate(timeout=SECONDS_MAX)


def in_order(shown: Shown, code: int = 0) -> str:
    """Its text, after a look at the exit code and for tracebacks."""
    assert "Traceback" not in shown.text
    assert shown.code == code, shown.text
    return shown.text


def one_line(shown: Shown, code: int, start: str) -> str:
    """Its only line, which says what is wrong."""
    text = in_order(shown, code)
    assert text.count("\n") == 1, text
    assert text.startswith(start), text
    return text


def _serve() -> None:
    import trading.cli
    import trading.commands.output
    import trading.config_check
    import trading.live.assembly
    import trading.store.queries

    for line in sys.stdin:
        call = json.loads(line)
        pid, terminal = pty.fork()
        if pid == 0:
            _become(trading.cli.main, call)
        text = _read(terminal, pid)
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        sys.stdout.write(json.dumps({"code": code, "text": text.replace("\r\n", "\n")}) + "\n")
        sys.stdout.flush()


def _become(main: object, call: dict[str, object]) -> None:
    """The rest of the forked process: the command, ended as Python would end it."""
    code: object = 1
    try:
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(fd, mode) for fd, mode in ((0, "r"), (1, "w"), (2, "w")))
        os.chdir(str(call["cwd"]))
        os.environ.update(call["environ"])  # type: ignore[call-overload]
        code = main(call["arguments"])  # type: ignore[operator]
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - shown as Python would show it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _read(terminal: int, pid: int) -> str:
    """All that is written to the terminal, until nobody has it open; the process is ended if that takes too long."""
    found = b""
    while select.select([terminal], [], [], SECONDS_MAX)[0]:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:  # Linux says EIO when the last one has closed it
            return found.decode()
        if not chunk:
            return found.decode()
        found += chunk
    os.kill(pid, signal.SIGKILL)
    return found.decode() + "\n[ended by the test: it took too long]"


if __name__ == "__main__":
    _serve()
