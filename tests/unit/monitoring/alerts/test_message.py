"""Messages: one alert in full, several as a list, repeats as one; always small enough, always with their numbers."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from trading.domain.actions import Level
from trading.monitoring.alerts.message import KINDS_MAX, compose, plain
from trading.monitoring.alerts.texts import WORDINGS, wording_of
from trading.store.alerts import Alert

NOW = 1_750_000_000_000  # 2025-06-15 15:06:40 UTC


def alert(
    seq: int, code: str = "POSITION_CLOSED", *, symbol: str = "", level: Level = Level.INFO, text: str = "text"
) -> Alert:
    return Alert(seq=seq, time_ms=0, created_ms=NOW + seq * 1000, level=level, code=code, symbol=symbol, text=text)


def test_one_alert_says_what_happened_what_to_do_when_and_its_number() -> None:
    bare = alert(7, "UNPROTECTED", symbol="BTC/USDT", level=Level.CRITICAL, text="no stop for 5 s")
    message = compose([bare], "my bot", UTC)
    assert message.title == "my bot: CRITICAL: Position without a stop: BTC/USDT"
    assert message.body.splitlines() == [
        "no stop for 5 s",
        WORDINGS["UNPROTECTED"].advice,
        "2025-06-15 15:06:47 UTC, alert #7",
    ]
    assert message.level is Level.CRITICAL
    assert "2025-06-15 17:06:47 CEST" in compose([bare], "my bot", ZoneInfo("Europe/Berlin")).body


def test_repeats_are_one_with_their_count() -> None:
    message = compose([alert(seq, "ORDER_REJECTED", text=f"number {seq}") for seq in range(3, 8)], "bot", UTC)
    assert "number 7" in message.body
    assert "5 times since 15:06:43; this is the last of them." in message.body
    assert message.body.endswith("alert #3-#7")
    assert [a.seq for a in message.told] == [3, 4, 5, 6, 7]


def test_several_are_a_list_in_their_order_with_their_repeats() -> None:
    warning = Level.WARNING
    message = compose(
        [
            alert(1, "STOP_HIT", symbol="BTC/USDT", level=warning, text="BTC/USDT sold"),
            alert(2, "KILLED", level=Level.CRITICAL, text="by owner"),
            alert(3, "STOP_HIT", symbol="ETH/USDT", level=warning, text="ETH/USDT sold"),
            alert(4, "STOP_HIT", symbol="BTC/USDT", level=warning, text="BTC/USDT sold again"),
        ],
        "bot",
        UTC,
    )
    assert message.title == "bot: 4 alerts, 1 critical"
    assert message.body.splitlines() == [
        "15:06:44 WARNING Stop hit: BTC/USDT sold again (2 times since 15:06:41) [#1-#4]",
        "15:06:42 CRITICAL Kill switch set: by owner [#2]",
        "15:06:43 WARNING Stop hit: ETH/USDT sold [#3]",
    ]
    assert message.level is Level.CRITICAL


def test_of_too_many_the_critical_ones_go_first() -> None:
    waiting = [alert(seq, f"CODE_{seq}") for seq in range(1, 60)]
    waiting.append(alert(60, "KILLED", level=Level.CRITICAL))
    told = [a.seq for a in compose(waiting, "bot", UTC).told]
    assert told == [*range(1, KINDS_MAX), 60]


def test_a_code_without_a_wording_is_legible() -> None:
    assert wording_of("LIMIT_SYMBOL_EXPOSURE").headline == "Limit symbol exposure"
    assert all(wording.headline for wording in WORDINGS.values())


def test_the_least_that_can_be_said_has_no_text_in_it() -> None:
    message = compose([alert(1, text="\u2603"), alert(2, "OTHER", text="\u2603")], "b\u00f6t", UTC)
    least = plain(message, "b\u00f6t")
    assert (least.title + least.body).isascii()
    assert "Alert 1 to 2." in least.body
    assert least.told == message.told


PARTS = st.tuples(st.sampled_from(["A", "B", "C"]), st.sampled_from(["", "BTC/USDT"]), st.text(max_size=3_000))


@given(st.lists(PARTS, min_size=1, max_size=60))
def test_a_message_is_one_that_every_channel_takes_and_tells_all_in_the_end(parts: list[tuple[str, str, str]]) -> None:
    waiting = [alert(seq, code, symbol=symbol, text=text) for seq, (code, symbol, text) in enumerate(parts, 1)]
    told: list[int] = []
    while waiting:
        message = compose(waiting, "bot", UTC)
        assert message.told
        assert len(message.title) + len(message.body) < 2_000
        assert (message.title + message.body).replace("\n", "").isprintable()
        told += [a.seq for a in message.told]
        waiting = [a for a in waiting if a not in message.told]
    assert sorted(told) == list(range(1, len(parts) + 1))
