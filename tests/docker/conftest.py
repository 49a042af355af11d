"""Left out, with a reason, where no Docker Engine answers. Images are built once, whoever asks first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.containers import NO_ENGINE, ROOT, Deployment, built, clone, engine_answers, eventually
from tests.support.deployments import LASTING, position_open

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    left_out = None if not ours or engine_answers() else pytest.mark.skip(reason=NO_ENGINE)
    for item in ours:
        item.add_marker(pytest.mark.docker)
        item.add_marker(pytest.mark.timeout(900))
        if left_out is not None:
            item.add_marker(left_out)


@pytest.fixture(scope="session")
def image() -> str:
    """The image without PyTorch, on Python 3.13."""
    return built("slim")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the CPU wheel of PyTorch for Python 3.11, as pip finds it here."""
    lock = (ROOT / "requirements-torch.txt").read_text()
    version = next(line.split()[0] for line in lock.splitlines() if line.startswith("torch=="))
    folder = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    found = subprocess.run(
        [*pip, "--python-version", "3.11", "--dest", str(folder), version], check=False, capture_output=True, text=True
    )
    if found.returncode or not list(folder.glob("torch-*+cpu-*.whl")):
        pytest.skip(f"pip finds no CPU build of {version} here: {found.stderr[-200:]}")
    return folder


@pytest.fixture(scope="session")
def torch_image(wheels: Path) -> str:
    """The whole image, on Python 3.11, for which a wheel is at hand."""
    return built("runtime", base="3.11", wheels=wheels)


Make = Callable[..., Deployment]


def maker(folder: Path, image: str, request: pytest.FixtureRequest) -> Make:
    """Makes deployments of a fresh clone; all of them are gone when what requested it ends."""

    def make(name: str = "clone", *, image: str = image, files: tuple[str, ...] = (), **env: str) -> Deployment:
        deployment = Deployment(clone(folder / name), image, files=files, **env)
        request.addfinalizer(deployment.__exit__)
        return deployment

    return make


@pytest.fixture
def deploy(tmp_path: Path, image: str, request: pytest.FixtureRequest) -> Make:
    """Makes deployments for one test."""
    return maker(tmp_path, image, request)


@pytest.fixture(scope="module")
def deploy_for_module(tmp_path_factory: pytest.TempPathFactory, image: str, request: pytest.FixtureRequest) -> Make:
    """Makes deployments for the tests of one file."""
    return maker(tmp_path_factory.mktemp("module"), image, request)


@pytest.fixture(scope="module")
def running(deploy_for_module: Make) -> Deployment:
    """A bot that trades, and its dashboard, for tests of one file that leave both as they found them."""
    deployment = deploy_for_module()
    deployment.env_file(**LASTING)
    deployment.up()
    for service in ("trading-bot", "dashboard"):
        eventually(lambda name=service: deployment.is_healthy(name), f"{service} is healthy")  # type: ignore[misc]
    eventually(lambda: position_open(deployment), "something is held")
    return deployment
