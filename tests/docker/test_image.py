"""The image: what is in it, what is not, how large it is, and what a change of the code costs."""

from __future__ import annotations

import io
import json
import secrets
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import UID, build, clone, docker

SLIM_BYTES_MAX = 500_000_000
RUNTIME_BYTES_MAX = 1_000_000_000
CHANGE_BYTES_MAX = 5_000_000
COMPILERS = {"gcc", "g++", "cc", "c++", "clang", "make", "cmake", "as", "ld"}
FORBIDDEN = ("app/tests", "app/.git", "app/.env", "root/.cache", "app/scripts", "app/frontend")


def inside(image: str, *command: str) -> str:
    return docker("run", "--rm", "--network", "none", "--read-only", "--entrypoint", command[0], image, *command[1:])


def layers(image: str) -> Iterator[tarfile.TarFile]:
    """Each layer's files."""
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        docker("save", "--output", file.name, image)
        with tarfile.open(file.name) as whole:
            manifest = whole.extractfile("manifest.json")
            assert manifest is not None
            for name in json.load(manifest)[0]["Layers"]:
                content = whole.extractfile(name)
                assert content is not None
                with tarfile.open(fileobj=io.BufferedReader(content)) as layer:  # type: ignore[type-var]
                    yield layer


def check_size(image: str, bytes_max: int) -> None:
    size = int(docker("image", "inspect", "--format", "{{.Size}}", image))
    assert size < bytes_max


def check_runs_as_its_user(image: str, version: str, modules: str) -> None:
    script = f"import os, sys, {modules}; print(os.getuid(), sys.version_info[:2], *sys.argv)"
    assert inside(image, "python", "-c", script) == f"{UID} {tuple(map(int, version.split('.')))} -c"


def test_the_slim_image_on_python_3_13(image: str) -> None:
    check_size(image, SLIM_BYTES_MAX)
    check_runs_as_its_user(image, "3.13", "talib, trading.manager, trading.web.server")
    assert inside(image, "tradebot", "--version").startswith("tradebot ")
    config = json.loads(docker("image", "inspect", image))[0]["Config"]
    assert config["User"] == "tradingbot"
    assert config["Entrypoint"] == ["tini", "--"]
    assert config["Labels"]["org.opencontainers.image.title"] == "llm-tradebot"


def check_layers(image: str, base: str) -> None:
    """No layer has a secret, a compiler or a test, also not one that a later layer hides."""
    seen, found = set(), []
    bases = len(json.loads(docker("image", "inspect", base))[0]["RootFS"]["Layers"])
    for number, layer in enumerate(layers(image)):
        for name in layer.getnames():
            path = Path(name)
            is_ours = number >= bases
            if path.name in COMPILERS and path.parent.name == "bin":
                found.append(name)
            if is_ours and name.startswith(FORBIDDEN):
                found.append(name)
            if is_ours and path.name in ("tests", "test") and "site-packages" in path.parts:
                found.append(name)
            seen.add(name)
    assert "app/trading/cli.py" in seen
    assert found == []


def test_no_layer_has_a_secret_a_compiler_or_a_test(image: str) -> None:
    check_layers(image, "python:3.13-slim-bookworm")


def test_libraries_are_compiled_ahead(image: str) -> None:
    """Where nothing can be written, each start would compile them anew."""
    script = "import json, talib, trading.manager as m, sys; print(*(x.__cached__ for x in (json, talib, m)))"
    for cached in inside(image, "python", "-c", script).split():
        assert inside(image, "test", "-f", cached) == ""


@pytest.fixture(scope="module")
def next_image(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Built after `image`, when the code has changed, from a clone in which secrets lie."""
    context = clone(tmp_path_factory.mktemp("next") / "clone")
    with (context / "trading" / "manager.py").open("a") as file:
        file.write("\n# changed\n")
    for name in (".env", "trading/.env", "secrets/key", "data/tradebot.db", "trading/left.db"):
        (context / name).parent.mkdir(exist_ok=True)
        (context / name).write_text("MARK-OF-A-SECRET")
    tag = f"llm-tradebot-test:next-{secrets.token_hex(4)}"
    build(context, tag, "slim")
    yield tag
    docker("image", "rm", tag)


def test_secrets_of_the_clone_stay_out(next_image: str) -> None:
    """`.env`, keys and databases that lie in the clone are not sent to the build at all."""
    assert inside(next_image, "sh", "-c", "grep -rl MARK-OF-A-SECRET /app /opt || true") == ""


def test_a_change_of_the_code_adds_little(image: str, next_image: str) -> None:
    old, new = (json.loads(docker("image", "inspect", name))[0]["RootFS"]["Layers"] for name in (image, next_image))
    common = sum(1 for a, b in zip(old, new, strict=False) if a == b)
    assert 0 < common < len(new)
    history = docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", next_image)
    added = 0
    for line in history.splitlines():
        if "COPY /opt/tradebot" in line:
            break
        added += int(line.split()[0])
    assert 0 < added < CHANGE_BYTES_MAX
    assert len(new) - common <= 2


@pytest.mark.long
def test_the_whole_image_has_what_the_other_has_and_trains(image: str, torch_image: str) -> None:
    """From the same lock; PyTorch comes with its own on top."""
    check_size(torch_image, RUNTIME_BYTES_MAX)
    check_layers(torch_image, "python:3.11-slim-bookworm")
    check_runs_as_its_user(torch_image, "3.11", "talib, torch, trading.manager, trading.web.server")
    script = """
import io, warnings, torch
warnings.simplefilter('ignore')
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
x = torch.randn(128, 4); y = x.sum(1, keepdim=True); optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
losses = []
for _ in range(100):
    loss = ((model(x) - y) ** 2).mean(); optimizer.zero_grad(); loss.backward()
    optimizer.step(); losses.append(loss.item())
assert losses[-1] < losses[0] / 4, losses
exported = torch.export.export(model.eval(), (x,)); torch.export.save(exported, file := io.BytesIO()); file.seek(0)
torch.testing.assert_close(torch.export.load(file).module()(x), model(x))
print('trained', torch.__version__, torch.cuda.is_available())
"""
    hardened = ["run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp"]  # noqa: S108 - a container's own
    said = docker(*hardened, torch_image, "python", "-c", script)
    assert said.startswith("trained ") and said.endswith(" False")
    listing = "import importlib.metadata as m; print(*sorted({d.name.lower() for d in m.distributions(path=['@'])}))"
    names = []
    for tag, version in ((image, "3.13"), (torch_image, "3.11")):
        at = f"/opt/tradebot/lib/python{version}/site-packages"
        names.append(set(inside(tag, "python", "-c", listing.replace("@", at)).split()))
    assert names[0] <= names[1]
    assert "torch" in names[1] - names[0]
