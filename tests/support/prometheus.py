"""Debian's Prometheus for the tests: on a free port, in a folder of its own, ended by process id."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import yaml

from tests.support.ports import free_port

FILES = Path(__file__).parents[2] / "deploy" / "prometheus"
NOT_HERE = "Prometheus is not here: install Debian's package prometheus"
PATIENCE_S = 60.0


def programs() -> tuple[str, str] | None:
    """The server and promtool, None where they are not installed."""
    found = shutil.which("prometheus"), shutil.which("promtool")
    return (found[0], found[1]) if found[0] and found[1] else None


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A promtool command, in the folder of our files."""
    return subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True, cwd=FILES, timeout=60)


class PrometheusServer:
    """A server with our configuration, but for the targets and the pace. A context manager.

    Args:
        folder: a new one of its own.
        targets: by job, host and port.
        token: the dashboard's API token.
    """

    def __init__(self, folder: Path, targets: dict[str, str], token: str) -> None:
        self.address = f"http://127.0.0.1:{free_port()}"
        config = yaml.safe_load((FILES / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
        shutil.copy(FILES / "rules.yml", folder / "rules.yml")
        (folder / "token").write_text(token)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.address.removeprefix('http://')}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> PrometheusServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)
        self._log.close()

    def get(self, path: str, **query: str) -> Any:
        """What the server's API answers, waiting for it to come up."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = httpx.get(f"{self.address}/api/v1/{path}", params=query, timeout=10)
                if answer.status_code != 503:
                    break
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "Prometheus has not started"
        body = answer.json()
        assert body["status"] == "success", body
        return body["data"]
