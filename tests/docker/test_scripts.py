"""The deployment's scripts against a real engine; each test-*.sh also against what is broken on purpose."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.containers import ROOT, Deployment, docker, eventually
from tests.support.deployments import FAST, LASTING, held, open_orders, position_open, stopped
from tests.support.processes import rows
from trading.exit_codes import ExitCode
from trading.store.schema import HEAD_REVISION

Make = Callable[..., Deployment]
NEXT = f"{int(HEAD_REVISION) + 1:04d}"
MIGRATION = f'''"""A migration of a later version."""
from alembic import op
import sqlalchemy as sa
revision = "{NEXT}"
down_revision = "{HEAD_REVISION}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("of_later", sa.Column("id", sa.Integer, primary_key=True))
'''


def derived(tag: str, image: str, folder: Path, *steps: str) -> str:
    """An image that differs from another by these steps."""
    folder.mkdir(exist_ok=True)
    (folder / "migration.py").write_text(MIGRATION)
    (folder / "Dockerfile").write_text("\n".join([f"FROM {image}", "USER root", *steps, "USER tradingbot", ""]))
    docker("build", "--quiet", "--tag", tag, str(folder))
    return tag


def later(image: str, folder: Path, *steps: str) -> str:
    """A later version, whose schema is a later one."""
    to_next = f"""sed -i 's/HEAD_REVISION = "{HEAD_REVISION}"/HEAD_REVISION = "{NEXT}"/' /app/trading/store/schema.py"""
    migration = f"COPY migration.py /app/trading/store/migrations/versions/v{NEXT}_of_later.py"
    # What was compiled ahead must not hide the change.
    forget = "RUN rm -rf /app/trading/store/__pycache__ /app/trading/__pycache__ /app/trading/web/__pycache__"
    tag = f"llm-tradebot-test:{later_tag(folder.parent, len(steps))}"
    return derived(tag, image, folder, migration, f"RUN {to_next}", forget, *steps)


def later_tag(folder: Path, steps: int) -> str:
    return f"later-{folder.name[-40:]}-{steps}".lower()


@pytest.fixture
def deployed(deploy: Make, image: str, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment with something held, whose image has a name of its own that deployments may move."""
    name = f"llm-tradebot-test-{tmp_path.name[-24:]}".lower().replace("_", "-").strip("-")
    docker("tag", image, f"{name}:latest")
    deployment = deploy(image=f"{name}:latest")
    deployment.env_file(**FAST)
    deployment.up()
    eventually(lambda: position_open(deployment), "something is held")
    yield deployment
    deployment.__exit__()
    made = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", name).split()
    made += [f"llm-tradebot-test:{later_tag(tmp_path, steps)}" for steps in (0, 1)]
    docker("image", "rm", "--force", *made, check=False)


def sold_by_a_stop(deployment: Deployment) -> list[str]:
    """Positions that were sold because the bot was stopped."""
    query = "SELECT id FROM positions WHERE exit_reason = 'shutdown'"
    return [position for (position,) in rows(deployment.data / "tradebot.db", query)]


def revision(deployment: Deployment) -> str:
    return str(rows(deployment.data / "tradebot.db", "SELECT version_num FROM alembic_version")[0][0])


@pytest.mark.long
def test_an_update_migrates_and_sells_nothing_and_can_be_undone(
    deployed: Deployment, image: str, tmp_path: Path
) -> None:
    new = later(image, tmp_path / "later")
    done = deployed.run("scripts/deploy-production.sh", "--image", new)
    assert revision(deployed) == NEXT
    assert sold_by_a_stop(deployed) == []
    assert deployed.state("trading-bot")["Running"]
    assert deployed.inspect("trading-bot")["Image"] == docker("image", "inspect", "--format", "{{.Id}}", new)
    assert deployed.inspect("trading-bot")["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    backup = re.search(r"--database (backups/\S+)", done.stdout)
    assert backup is not None, done.stdout
    refused = deployed.run("scripts/rollback.sh", "--yes", check=False)
    assert refused.returncode == 1
    assert "has been migrated" in refused.stderr
    deployed.run("scripts/rollback.sh", "--yes", "--database", backup[1])
    assert revision(deployed) == HEAD_REVISION
    assert sold_by_a_stop(deployed) == []
    assert deployed.inspect("trading-bot")["Image"] == docker("image", "inspect", "--format", "{{.Id}}", image)
    # What the version that is gone sent after the backup waits for a person (`tradebot resolve`), and the stop says so.
    assert stopped(deployed) in (ExitCode.OK, ExitCode.LEFT_OPEN)


@pytest.mark.long
def test_an_update_that_fails_goes_back_by_itself(deployed: Deployment, image: str, tmp_path: Path) -> None:
    """It migrates, and then the dashboard does not come up."""
    broken = "RUN echo 'raise SystemExit(7)' >/app/trading/web/server.py"
    new = later(image, tmp_path / "later", broken)
    failed = deployed.run("scripts/deploy-production.sh", "--image", new, "--timeout", "15", check=False)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "the previous version is in its place" in failed.stderr
    assert revision(deployed) == HEAD_REVISION
    assert sold_by_a_stop(deployed) == []
    assert deployed.inspect("trading-bot")["Image"] == docker("image", "inspect", "--format", "{{.Id}}", image)
    assert deployed.state("trading-bot")["Running"]


@pytest.mark.soak
def test_an_update_whose_terminal_is_lost_goes_on_or_back_by_itself(
    deployed: Deployment, image: str, tmp_path: Path
) -> None:
    """Whichever it is, the log says so, and the bot runs, with nothing sold."""
    new = later(image, tmp_path / "later")
    update = subprocess.Popen(
        ["scripts/deploy-production.sh", "--image", new],
        cwd=deployed.folder,
        env=deployed.env,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with update:
        assert update.stdout is not None
        assert any(line.startswith("backup: ") for line in update.stdout)
        os.killpg(update.pid, signal.SIGHUP)
        update.stdout.close()
    ends = {0: ("deployed: ", NEXT, new), 1: ("the previous version is in its place", HEAD_REVISION, image)}
    said, schema, running = ends[update.returncode]
    assert said in (deployed.folder / "deploy.log").read_text()
    assert revision(deployed) == schema
    assert sold_by_a_stop(deployed) == []
    bot = deployed.inspect("trading-bot")
    assert bot["Image"] == docker("image", "inspect", "--format", "{{.Id}}", running)
    assert bot["State"]["Running"] and bot["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_settings_that_the_new_version_refuses_change_nothing(running: Deployment, image: str) -> None:
    before = running.state("trading-bot")["StartedAt"]
    running.env_file(**LASTING, TRADING_SYMBOLS="nonsense")
    try:
        refused = running.run("scripts/deploy-production.sh", "--image", image, check=False)
    finally:
        running.env_file(**LASTING)
    assert refused.returncode == ExitCode.USAGE
    assert "TRADING_SYMBOLS" in refused.stderr
    assert running.state("trading-bot")["StartedAt"] == before


@pytest.mark.long
def test_a_backup_of_a_trading_bot_is_restored_on_an_empty_machine(running: Deployment, deploy: Make) -> None:
    made = running.run("scripts/backup.sh").stdout.splitlines()[-1]
    known = set(rows(Path(made) / "tradebot.db", "SELECT id FROM positions WHERE traded"))
    assert known
    empty = deploy("empty")
    empty.env_file(**LASTING)
    shutil.copytree(made, empty.folder / "from-elsewhere" / Path(made).name)
    empty.compose("up", "--detach", "--no-start")
    empty.run("scripts/restore.sh", f"from-elsewhere/{Path(made).name}", "--yes")
    empty.up("trading-bot")
    eventually(lambda: "bot.reconciled" in empty.events(), "it goes on")
    assert known <= set(rows(empty.data / "tradebot.db", "SELECT id FROM positions"))
    fills = empty.fills()
    eventually(lambda: empty.fills() > fills, "it trades on")
    assert stopped(empty) == ExitCode.OK
    assert (held(empty.data), open_orders(empty.data)) == ({}, [])


def test_a_run_to_try_it_out_trades_ends_in_order_and_keeps_nothing(deploy: Make) -> None:
    deployment = deploy()
    deployment.env_file(**FAST)
    command = [deployment.folder / "scripts" / "docker-run.sh"]
    run = subprocess.Popen(
        command, cwd=deployment.folder, env=deployment.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with run:
        assert run.stdout is not None
        try:
            assert any('"event":"fill"' in line for line in run.stdout)
        finally:
            run.send_signal(signal.SIGINT)
        assert '"event":"shutdown.done"' in run.stdout.read()
    assert run.returncode == ExitCode.OK
    assert not deployment.data.exists()


@pytest.mark.long
def test_deploy_local_builds_and_starts_and_says_how_to_log_in(deploy: Make) -> None:
    name = f"llm-tradebot-test-local-{secrets.token_hex(4)}:latest"
    deployment = deploy(image=name, TRADEBOT_TARGET="slim")
    try:
        said = deployment.run("scripts/deploy-local.sh").stdout
        address, password = (re.search(what, said) for what in (r"dashboard: (http://\S+)", r"password is (\S+)"))
        assert address is not None and password is not None, said
        assert deployment.inspect("trading-bot")["Image"] == docker("image", "inspect", "--format", "{{.Id}}", name)
        login = ["curl", "-fsS", "--json", json.dumps({"password": password[1]}), f"{address[1]}/api/v1/login"]
        deployment.run(*login)
        before = deployment.state("trading-bot")["StartedAt"]
        again = deployment.run("scripts/deploy-local.sh").stdout
        assert address[0] in again
        assert deployment.state("trading-bot")["StartedAt"] == before
    finally:
        deployment.__exit__()
        docker("image", "rm", "--force", name, check=False)


@pytest.mark.long
def test_with_live_code_a_change_restarts_the_bot_and_sells_nothing(deploy: Make) -> None:
    deployment = deploy(files=("docker-compose.dev.yml",))
    # The page of this tree; where there is none the script builds it first.
    if (page := ROOT / "trading" / "web" / "static").is_dir():
        shutil.copytree(page, deployment.folder / "trading" / "web" / "static")
    deployment.env_file(**FAST)
    deployment.run("scripts/deploy-local.sh", "--dev", "--no-build")
    eventually(lambda: position_open(deployment), "something is held")
    with (deployment.folder / "trading" / "manager.py").open("a") as file:
        file.write('print("the change runs", flush=True)\n')
    bot = deployment.container("trading-bot")
    eventually(lambda: "the change runs" in docker("logs", bot).splitlines(), "the change runs")
    eventually(lambda: deployment.events().count("bot.reconciled") == 2, "it goes on")
    assert sold_by_a_stop(deployment) == []
    assert deployment.inspect("trading-bot")["RestartCount"] == 0


@pytest.mark.parametrize(
    "script",
    [
        "backup",
        "deploy-local",
        "deploy-production",
        "docker-build",
        "docker-run",
        "restore",
        "rollback",
        "test-docker-build",
        "test-docker-compose",
        "test-health-checks",
    ],
)
def test_help_and_unusable_arguments(script: str) -> None:
    def run(argument: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([f"scripts/{script}.sh", argument], cwd=ROOT, check=False, capture_output=True, text=True)

    assert f"{script}.sh" in run("--help").stdout
    refused = run("--no-such-option")
    assert refused.returncode == ExitCode.USAGE
    assert "--no-such-option" in refused.stderr


@pytest.mark.parametrize(("event", "code"), [("shutdown.done", 0), ("shutdown.incomplete", 1)])
def test_what_a_log_has_is_found_however_much_follows(event: str, code: int) -> None:
    log = """compose() { echo '{"event":"shutdown.done"}'; seq 200000; }"""
    look = f"""source scripts/docker-common.sh; {log}; has_logged trading-bot '"event":"{event}"'"""
    command = ["bash", "-euo", "pipefail", "-c", look]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == code


def test_a_build_by_version_and_its_file(deploy: Make, image: str) -> None:
    deployment = deploy(image="llm-tradebot-test-build:latest")
    docker("image", "inspect", image)
    try:
        deployment.run("scripts/docker-build.sh", "9.8.7", "export", "--slim")
        file = deployment.folder / "llm-tradebot-test-build-9.8.7.tar"
        assert file.stat().st_size > 1_000_000
        for tag in ("9.8.7", "latest"):
            labels = json.loads(docker("image", "inspect", f"llm-tradebot-test-build:{tag}"))[0]["Config"]["Labels"]
            assert labels["org.opencontainers.image.version"] == "9.8.7"
    finally:
        docker("image", "rm", "--force", "llm-tradebot-test-build:9.8.7", "llm-tradebot-test-build:latest", check=False)


@pytest.mark.long
def test_the_test_of_a_build_fails_where_the_image_is_broken(deploy: Make, image: str, tmp_path: Path) -> None:
    deployment = deploy()
    assert deployment.run("scripts/test-docker-build.sh", "--slim", image).returncode == 0
    broken = derived("llm-tradebot-test:with-env", image, tmp_path / "broken", "RUN touch /app/.env")
    failed = deployment.run("scripts/test-docker-build.sh", "--slim", broken, check=False)
    assert failed.returncode == 1
    assert "WRONG: no secrets" in failed.stderr


def run_whole_and_broken(deploy: Make, script: str, broken: str, *options: str) -> tuple[str, str]:
    """What a test-*.sh says of the deployment as it is, and of one that is broken on purpose, which it must refuse."""
    whole, other = deploy("whole"), deploy("broken")
    (other.folder / "broken.yml").write_text(broken)
    other.env["SERVICES_FILE"] = str(other.folder / "broken.yml")
    # One after the other: they are strict about how long things take.
    good = whole.run(f"scripts/{script}.sh", check=False)
    bad = other.run(f"scripts/{script}.sh", *options, check=False)
    assert good.returncode == 0, good.stdout + good.stderr
    assert bad.returncode == 1, bad.stdout + bad.stderr
    return good.stdout, bad.stderr


@pytest.mark.long
def test_the_test_of_a_deployment_works_and_fails_where_it_is_broken(deploy: Make) -> None:
    broken = "services: {dashboard: {command: [sleep, '3600']}}\n"
    said, complaint = run_whole_and_broken(deploy, "test-docker-compose", broken, "--timeout", "15")
    assert "the deployment works" in said
    assert re.search(r"both healthy \d+ ms after", said)
    assert "dashboard" in complaint


@pytest.mark.long
def test_the_test_of_health_checks_works_and_fails_where_they_are_broken(deploy: Make) -> None:
    blind = "services: {trading-bot: {healthcheck: {test: [CMD, 'true']}}}\n"
    said, complaint = run_whole_and_broken(deploy, "test-health-checks", blind)
    assert "see what they should" in said
    assert "not shown unhealthy" in complaint
