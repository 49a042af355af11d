"""An account that answers slowly, or not at all: positions keep a stop, and every true answer is heard."""

from __future__ import annotations

from tests.support.builders import BOT, BTC, D
from tests.support.rig import Rig
from trading.domain.actions import FetchAccount
from trading.domain.events import AccountSnapshot, CommandKind, QueryFailed, Started
from trading.domain.orders import Purpose
from trading.domain.positions import Balance
from trading.engine.config import Timing
from trading.live.requests import REQUEST_TIMEOUT_SECONDS


def bare_rig() -> Rig:
    """Asked to close; the stop is gone, the account has been asked for."""
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop.id)
    assert rig.fetched()
    return rig


def test_the_stop_goes_back_when_the_account_cannot_be_read_and_stays_until_it_can() -> None:
    rig = bare_rig()
    since = rig.now
    for _ in range(120):
        if rig.fetched():
            rig.send(QueryFailed(time_ms=rig.now, subject="account", message="503"))
        if rig.submitted():
            break
        rig.tick(1_000)
    bound_ms = rig.engine.config.timing.protect_ms + rig.engine.config.timing.account_ms
    assert rig.now - since <= bound_ms + 1_000
    again = rig.one(Purpose.STOP)
    rig.accept(again)
    for _ in range(120):
        rig.tick(1_000)
        assert rig.cancels() == []
        if rig.fetched():
            last = rig.actions
            rig.send(QueryFailed(time_ms=rig.now, subject="account", message="503"))
            rig.actions += last
    rig.tick(rig.engine.config.timing.account_ms)
    rig.snapshot()
    assert rig.cancels() == [again], "it is told again: the exit goes on"
    rig.cancelled(again)
    rig.snapshot()
    assert rig.one(Purpose.EXIT)


def answer_after(rig: Rig, ms: int, seconds: int, **balances: str) -> bool:
    """Every question about the account is answered, truly, `ms` later; whether anything was sent within `seconds`."""
    asked = [(rig.now + ms, rig.token)]
    for _ in range(seconds):
        rig.tick(1_000)
        asked += [(rig.now + ms, action.token) for action in rig.asked(FetchAccount)]
        due, asked = [a for a in asked if a[0] <= rig.now], [a for a in asked if a[0] > rig.now]
        for _, token in due:
            held = {coin: Balance(D(amount)) for coin, amount in balances.items()}
            rig.send(AccountSnapshot(time_ms=rig.now, token=token, balances=held))
            asked += [(rig.now + ms, action.token) for action in rig.asked(FetchAccount)]
            if rig.submitted():
                return True
    return False


def test_an_account_that_takes_six_seconds_is_sold_from() -> None:
    """Longer than until the next question is asked, and less than a request may take."""
    assert Timing().account_ms < 6_000 < REQUEST_TIMEOUT_SECONDS * 1_000
    assert answer_after(bare_rig(), 6_000, 300, USDT="9000", BTC="10"), "neither stop nor sale in five minutes"


def test_an_account_that_takes_six_seconds_lets_the_bot_start() -> None:
    rig = Rig()
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    answer_after(rig, 6_000, 120, USDT="10000")
    assert rig.engine.ready, "20 true answers, and it has not been told the account's state"


def test_an_exit_that_waited_leaves_nothing_behind_for_the_next_position() -> None:
    rig = bare_rig()
    for _ in range(30):
        rig.tick(1_000)
        if rig.submitted():
            break
    again = rig.one(Purpose.STOP)
    rig.accept(again)
    rig.triggered(again)
    rig.fill(again, "10", "95")
    assert rig.is_flat
    rig.fill(rig.entered("100"), "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    assert rig.cancels() == [stop]
