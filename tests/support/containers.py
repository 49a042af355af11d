"""Images and deployments for the tests of containers: everything with a name of its own, and gone at the end."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.support.ports import free_port
from tests.support.processes import rows

ROOT = Path(__file__).parents[2]
NO_ENGINE = "no Docker Engine answers here (with Compose 2.24 or newer, and Buildx)"
UID = 1000
PATIENCE_S = 120.0
PAUSE_S = 0.4
"""Between two looks: each starts programs, and the machine has other things to do."""
_NAME = "llm-tradebot-test"
One = TypeVar("One")
Found = TypeVar("Found")


def engine_answers() -> bool:
    """Whether containers can be run here."""
    if shutil.which("docker") is None:
        return False
    commands = (["docker", "info"], ["docker", "compose", "version"], ["docker", "buildx", "version"])
    return all(not subprocess.run(command, check=False, capture_output=True).returncode for command in commands)


def docker(*arguments: str, check: bool = True, **options: Any) -> str:
    """What `docker ARGUMENTS` prints."""
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True, **options)
    assert not check or not done.returncode, f"docker {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout.strip()


def sources() -> list[Path]:
    """The files that a clone of the working tree would have, by their path in it."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [Path(name) for name in sorted(listed.stdout.split("\0")) if name and (ROOT / name).is_file()]


def clone(folder: Path) -> Path:
    """A fresh clone of the working tree as it stands, without its history."""
    for name in sources():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return folder


@contextmanager
def _alone(what: str) -> Iterator[None]:
    """One process at a time, of all that run tests here."""
    with (Path(tempfile.gettempdir()) / f"{_NAME}-{what}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def built(target: str, *, base: str = "3.13", wheels: Path | None = None) -> str:
    """The image of the working tree, built from a fresh clone once for all tests; its tag."""
    digest = hashlib.sha256(f"{target} {base}".encode())
    for name in sources():
        digest.update(f"{name} {hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}\n".encode())
    tag = f"{_NAME}:{target}-{base}-{digest.hexdigest()[:16]}"
    with _alone(f"build-{target}-{base}"):
        if docker("image", "ls", "--quiet", tag):
            return tag
        with tempfile.TemporaryDirectory() as folder:
            build(clone(Path(folder)), tag, target, base=base, wheels=wheels)
    return tag


def build(context: Path, tag: str, target: str, *, base: str = "3.13", wheels: Path | None = None) -> None:
    """Build an image."""
    extra = []
    if wheels:
        (wheel,) = wheels.glob("torch-*.whl")
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        extra = ["--build-context", f"wheels={wheels}", "--build-arg", f"TORCH_SHA256={sha256}"]
    arguments = ["--target", target, "--build-arg", f"PYTHON_IMAGE=python:{base}-slim-bookworm", *extra]
    docker("build", "--quiet", "--tag", tag, *arguments, str(context))


def eventually(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """Look again and again until it is so; what the condition then gives."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(PAUSE_S)
    return found


def at_once(act: Callable[[One], Found], cases: Iterable[One]) -> list[Found]:
    """The same with each case at the same time, since most of it is waiting. Raises what the first that failed did."""
    todo = list(cases)
    with ThreadPoolExecutor(len(todo)) as pool:
        return list(pool.map(act, todo))


class Deployment:
    """A clone with `docker compose`, under a project name of its own. A context manager that removes all of it."""

    def __init__(self, folder: Path, image: str, *, files: tuple[str, ...] = (), **env: str) -> None:
        self.folder = folder
        self.project = f"{_NAME}-{secrets.token_hex(4)}"
        self.port = free_port()
        self.data = folder / "data"
        self._files = [option for file in ("docker-compose.yml", *files) for option in ("-f", file)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRADING_", "DASHBOARD_"))}
        self.env = {
            **kept,
            "COMPOSE_PROJECT_NAME": self.project,
            "TRADEBOT_IMAGE": image,
            "DASHBOARD_PORT": str(self.port),
            **env,
        }

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *error: object) -> None:
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "0", check=False)

    def run(self, *command: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """A program in the clone, such as one of its scripts."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, check=False, capture_output=True, text=True, **options
        )
        assert not check or not done.returncode, f"{command}: {done.stdout[-3000:]}{done.stderr[-5000:]}"
        return done

    def compose(self, *arguments: str, check: bool = True, **options: Any) -> str:
        """What `docker compose ARGUMENTS` prints."""
        return self.run("docker", "compose", *self._files, *arguments, check=check, **options).stdout.strip()

    def up(self, *services: str, **options: Any) -> None:
        """Start it."""
        self.compose("up", "--detach", *services, **options)

    def container(self, service: str) -> str:
        """The name of a service's container, by Compose's rule for the first of each."""
        return f"{self.project}-{service}-1"

    def inspect(self, service: str) -> dict[str, Any]:
        """All that Docker knows of it."""
        found: dict[str, Any] = json.loads(docker("inspect", self.container(service)))[0]
        return found

    def state(self, service: str) -> dict[str, Any]:
        """Its state: Running, ExitCode, Health, StartedAt, Pid."""
        found: dict[str, Any] = self.inspect(service)["State"]
        return found

    def is_healthy(self, service: str) -> bool:
        """Whether Docker has found it healthy."""
        return bool(self.state(service)["Health"]["Status"] == "healthy")

    def pid_of(self, service: str) -> int:
        """The process id of the program itself, which its init process has started."""
        init = self.state(service)["Pid"]
        children = Path(f"/proc/{init}/task/{init}/children").read_text().split()
        return int(children[0])

    def tradebot(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`tradebot` in a container of its own."""
        command = ("docker", "compose", *self._files, "run", "--rm", "--no-deps", "-T", "trading-bot", "tradebot")
        return self.run(*command, *arguments, check=check)

    def fills(self) -> int:
        """How many fills the journal has."""
        database = self.data / "tradebot.db"
        if not database.exists() or not database.stat().st_size:
            return 0
        tables = rows(database, "SELECT name FROM sqlite_schema WHERE name = 'fills'")
        return int(rows(database, "SELECT count(*) FROM fills")[0][0]) if tables else 0

    def log(self, service: str = "trading-bot") -> list[dict[str, Any]]:
        """The lines of its log that are JSON."""
        done = subprocess.run(["docker", "logs", self.container(service)], check=True, capture_output=True, text=True)
        text = done.stdout + done.stderr
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def events(self, service: str = "trading-bot") -> list[str]:
        """The events of its log."""
        return [line["event"] for line in self.log(service)]

    def env_file(self, **settings: str) -> None:
        """Write `.env`."""
        (self.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
