"""Each kind of channel against a stand-in of its service on a real socket, whatever that answers."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.services import Answer, Request, Service, service
from trading.config import load_settings
from trading.domain.actions import Level
from trading.monitoring.alerts import channels as sending
from trading.monitoring.alerts.channels import Channel, channels_of
from trading.monitoring.alerts.message import Message
from trading.monitoring.logs import register_secret

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
DISCORD = "https://discord.com/api/webhooks/417429632418316298/JHZ7lQml277CDHmQKMHI8qBe7bk2ZwO5UKjCiOAF7711o33MyqU3"
TOKEN = "123456789:AbCdEfGhIjKlMnOpQrStUvWxYz012345678"
MESSAGE = Message(level=Level.CRITICAL, title="bot: Stop <hit>", body="sold 1 & more\n#17", told=())
YES = {"slack": b"ok", "discord": b'{"id": "1"}', "telegram": b'{"ok": true, "result": {}}', "url1": b"fine"}
KINDS = list(YES)


@pytest.fixture
def there() -> Iterator[Service]:
    with service() as found:
        yield found


def channel(kind: str, there: Service, tmp_path: Path) -> Channel:
    """The channel as the settings make it, its address on this machine."""
    by_kind: dict[str, dict[str, str]] = {
        "slack": {"SLACK_WEBHOOK": SLACK},
        "discord": {"DISCORD_WEBHOOK": DISCORD},
        "telegram": {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "42", "TELEGRAM_API_URL": there.address},
        "url1": {"ALERT_URLS": f"json://user:correct-horse@127.0.0.1:{there.port}/battery-staple"},
    }
    settings = load_settings(environ=by_kind[kind], directory=tmp_path)
    for secret in settings.secret_values():
        register_secret(secret)
    (found,) = channels_of(settings)
    assert found.name == kind
    plugin: Any = found._apprise[0]  # type: ignore[attr-defined]
    if kind == "slack":
        plugin.webhook_url = f"{there.address}/services"
    elif kind == "discord":
        plugin.notify_url = f"{there.address}/api/webhooks"
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_it_arrives_as_plain_text(kind: str, there: Service, tmp_path: Path) -> None:
    there.answer = lambda _request: (200, YES[kind])
    assert channel(kind, there, tmp_path).send(MESSAGE) == ""
    (request,) = there.requests
    text = str(request.body)
    assert "#17" in text
    assert "sold 1" in text
    # No picture and no address of anybody else goes with it.
    assert "github" not in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_a_refusal_is_a_failure_told_without_secrets(
    kind: str, status: int, there: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there.answer = lambda _request: (status, b"no")
    error = channel(kind, there, tmp_path).send(MESSAGE)
    assert str(status) in error
    for secret in ("TIiajkdnlazkcOXrIdevi7", DISCORD[-30:], TOKEN, "correct-horse", "battery-staple"):
        assert secret not in error + caplog.text


@pytest.mark.parametrize(
    ("kind", "lie"),
    [
        ("slack", b'{"ok": false, "error": "invalid_token"}'),
        ("slack", b"<html>please log in</html>"),
        ("telegram", b'{"ok": false, "error_code": 403, "description": "bot was blocked"}'),
        ("telegram", b"<html>please log in</html>"),
        ("discord", b'{"message": "Unknown Webhook", "code": 10015}'),
        ("discord", b"[]"),
    ],
)
def test_a_200_that_means_no_is_a_failure(kind: str, lie: bytes, there: Service, tmp_path: Path) -> None:
    there.answer = lambda _request: (200, lie)
    assert channel(kind, there, tmp_path).send(MESSAGE) != ""
    there.answer = lambda _request: (200, YES[kind])
    assert channel(kind, there, tmp_path).send(MESSAGE) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_is_cut_or_refused_is_a_failure(kind: str, there: Service, tmp_path: Path) -> None:
    def cut(_request: Request) -> Answer:
        return None

    there.answer = cut
    found = channel(kind, there, tmp_path)
    assert found.send(MESSAGE) != ""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    gone = type("Gone", (), {"port": port, "address": f"http://127.0.0.1:{port}"})()
    error = channel(kind, gone, tmp_path).send(MESSAGE)
    assert error != ""
    assert TOKEN not in error


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_does_not_answer_is_given_up_in_its_time(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        there = type("Silent", (), {"port": port, "address": f"http://127.0.0.1:{port}"})()
        assert channel(kind, there, tmp_path).send(MESSAGE) != ""


class Mailbox:
    """Keeps mails, or refuses them."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.refusal = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        self.mails.append(envelope)
        return "250 Message accepted"


def email(port: int, tmp_path: Path, tls: str = "none") -> Channel:
    given = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(port),
        "SMTP_TLS": tls,
        "SMTP_FROM": "bot@example.org",
        "SMTP_TO": "a@example.org,b@example.org",
    }
    (found,) = channels_of(load_settings(environ=given, directory=tmp_path))
    return found


def test_email_reaches_everybody_it_is_for(tmp_path: Path) -> None:
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        channel = email(port, tmp_path)
        assert channel.send(MESSAGE) == ""
        assert sorted(str(rcpt) for mail in mailbox.mails for rcpt in mail.rcpt_tos) == [
            "a@example.org",
            "b@example.org",
        ]
        assert {mail.mail_from for mail in mailbox.mails} == {"bot@example.org"}
        assert all(b"sold 1 & more" in bytes(mail.content or b"") for mail in mailbox.mails)
        mailbox.refusal = "554 no spam here"
        assert channel.send(MESSAGE) != ""
    finally:
        controller.stop()
    assert channel.send(MESSAGE) != ""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody but itself has signed, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    made, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return made, key


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_email_goes_encrypted_to_a_server_that_is_trusted_and_to_no_other(
    tls: str, certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, key = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    if tls == "starttls":
        controller = Controller(mailbox, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(made))  # the controller looks at itself when it starts
        controller = Controller(mailbox, hostname="127.0.0.1", port=port, ssl_context=context)
    controller.start()
    try:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        assert email(port, tmp_path, tls).send(MESSAGE) != ""
        assert mailbox.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        assert email(port, tmp_path, tls).send(MESSAGE) == ""
        assert len(mailbox.mails) == 2
    finally:
        controller.stop()
