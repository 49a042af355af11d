"""Secrets reach the service that needs them from files, and nothing else shows them."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.containers import UID, Deployment, docker, eventually

Make = Callable[..., Deployment]


def test_a_secret_comes_from_a_file_that_only_the_user_of_the_image_reads(deploy: Make) -> None:
    deployment = deploy()
    secrets = deployment.folder / "secrets"
    secrets.mkdir()
    (secrets / "dashboard_password").write_text("correct horse battery\n")
    (secrets / "dashboard_password").chmod(0o644)
    deployment.env_file(DASHBOARD_PASSWORD_FILE="/run/secrets/dashboard_password")
    deployment.up("dashboard")
    eventually(lambda: "web.listening" in deployment.events("dashboard"), "the dashboard listens")
    mode = (secrets / "dashboard_password").stat()
    assert (mode.st_uid, mode.st_mode & 0o077) == (UID, 0)
    assert "correct horse" not in docker("inspect", deployment.container("dashboard"))
    assert "web.first_login" not in deployment.events("dashboard")


def test_with_dockers_secrets_each_service_gets_its_own_alone(deploy: Make) -> None:
    """docker-compose.secrets.yml: the dashboard has its password, and the bot does not; the folder is in neither."""
    deployment = deploy(files=("docker-compose.secrets.yml",))
    secrets = deployment.folder / "secrets"
    secrets.mkdir()
    for name in ("dashboard_password", "not_for_them"):
        (secrets / name).write_text("correct horse battery\n")
        (secrets / name).chmod(0o644)
    config = json.loads(deployment.compose("config", "--format", "json"))["services"]
    assert [secret["source"] for secret in config["dashboard"]["secrets"]] == ["dashboard_password"]
    assert config["dashboard"]["environment"]["DASHBOARD_PASSWORD_FILE"] == "/run/secrets/dashboard_password"
    assert "secrets" not in config["trading-bot"]
    deployment.up()
    eventually(lambda: "web.listening" in deployment.events("dashboard"), "the dashboard listens")
    assert "web.first_login" not in deployment.events("dashboard")
    seen = ("exec", "-T", "dashboard", "ls", "/run/secrets")
    assert deployment.compose(*seen) == "dashboard_password"
    assert deployment.compose("exec", "-T", "trading-bot", "sh", "-c", "ls /run/secrets 2>/dev/null || true") == ""
    for service in ("dashboard", "trading-bot"):
        assert "correct horse" not in docker("inspect", deployment.container(service))
    body = '{"password": "correct horse battery"}'
    login = f"http://127.0.0.1:{deployment.port}/api/v1/login"
    assert deployment.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--json", body, login).stdout == "200"
