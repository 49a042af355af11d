"""What an open page does while bot or server are killed and started again."""

from __future__ import annotations

import re
import signal
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.browser import Watched
from tests.support.dashboards import Dashboard
from tests.support.processes import until

pytestmark = pytest.mark.browser

_A_CLICK_TRIES = """() => {
    const Real = WebSocket;
    let tries = 0;
    window.WebSocket = class extends Real {
        constructor(...given) { super(...given); tries += 1; }
    };
    document.querySelector('[data-testid="connection-lost"] button').click();
    window.WebSocket = Real;
    return tries === 1;
}"""


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Dashboard]:
    """Bot and dashboard, each by itself."""
    with Dashboard(tmp_path, together=False) as both:
        both.start_bot()
        both.start_server()
        yield both


def test_a_bot_that_is_killed_and_started_again_is_seen_without_a_reload(watch: Open, apart: Dashboard) -> None:
    watched = opened(watch, apart)
    page = watched.page
    assert apart.bot is not None
    apart.bot.signal(signal.SIGKILL)
    apart.bot.end()
    expect(page.get_by_test_id("bot-state")).to_have_text("Not running")
    expect(page.get_by_test_id("not-running")).to_be_visible()
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    health = page.get_by_test_id("health")
    expect(health).to_contain_text("Critical")
    expect(health).to_contain_text("start it again with tradebot run")
    watched.screenshot("bot-killed")
    apart.start_bot()
    expect(page.get_by_test_id("bot-state")).to_have_text("Trading")
    expect(page.get_by_test_id("not-running")).to_have_count(0)
    expect(page.get_by_test_id("shell")).not_to_have_class(re.compile("is-stale"))
    now = page.get_by_test_id("now")
    expect(now).not_to_have_text(now.inner_text(), use_inner_text=True)
    assert page.evaluate("window.isTheSamePage")


def test_a_lost_connection_is_shown_at_once_and_heals(watch: Open, apart: Dashboard) -> None:
    watched = opened(watch, apart)
    page = watched.page
    kill_server(apart, watched)
    lost = page.get_by_test_id("connection-lost")
    expect(lost).to_contain_text("What is shown is how things stood then", timeout=5_000)
    expect(page.get_by_test_id("shell")).to_have_class(re.compile("is-stale"))
    watched.screenshot("connection-lost")
    # While it waits for its next try, the button makes one at once (while it tries, it need not).
    lost.get_by_role("button", name="Try now").wait_for()
    page.wait_for_function(_A_CLICK_TRIES)
    apart.start_server()
    expect(lost).to_have_count(0)
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    expect(page.get_by_test_id("shell")).not_to_have_class(re.compile("is-stale"))
    assert page.evaluate("window.isTheSamePage")


def test_an_answer_that_breaks_off_is_no_answer(watch: Open, apart: Dashboard) -> None:
    """As of a server that is killed while it answers, or of a proxy that goes away."""
    watched = opened(watch, apart)
    page = watched.page
    kill_server(apart, watched)
    with broken_off(apart.port) as asked:
        until(lambda: any("GET /api/v1/status" in line for line in asked), "the page asks how things stand")
        expect(page.get_by_test_id("connection-lost")).to_be_visible()
        expect(page.get_by_test_id("bot-state")).to_have_text("Not known")
    apart.start_server()
    expect(page.get_by_test_id("bot-state")).to_have_text("Trading")
    expect(page.get_by_test_id("connection-lost")).to_have_count(0)
    assert page.evaluate("window.isTheSamePage")


def kill_server(apart: Dashboard, watched: Watched) -> None:
    """The page stays without a server, and may complain of that."""
    watched.expected += ["net::ERR_", "WebSocket"]
    assert apart.server is not None
    apart.server.signal(signal.SIGKILL)
    apart.server.end()


@contextmanager
def broken_off(port: int) -> Iterator[list[str]]:
    """A server each of whose answers breaks off in the midst; the first lines of what it was asked."""
    asked: list[str] = []

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            first = self.rfile.readline().decode()
            while self.rfile.readline().strip():
                pass
            if "/ws" not in first:
                head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
                self.wfile.write(f'{head}{{"bot":'.encode())
                self.wfile.flush()
                asked.append(first)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    with Server(("127.0.0.1", port), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def opened(watch: Open, apart: Dashboard) -> Watched:
    watched = watch(apart.address)
    watched.open()
    watched.log_in()
    watched.ready()
    expect(watched.page.get_by_test_id("bot-state")).to_have_text("Trading")
    watched.page.evaluate("window.isTheSamePage = true")
    return watched
