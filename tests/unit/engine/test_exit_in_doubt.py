"""A position whose sale is in doubt: not sold twice, and not left without a stop where the account allows one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.builders import BTC
from tests.support.rig import MINUTE, Rig
from trading.domain.events import CommandKind
from trading.domain.orders import OrderState, Purpose
from trading.engine.selling import REFUSED_MS


def test_an_exit_in_doubt_is_not_sent_again() -> None:
    rig = Rig.holding()
    exit_ = rig.leaving()
    rig.unknown(exit_)
    for _ in range(20):
        rig.tick(2_000)
        assert rig.queries() == [exit_]
        rig.absent(exit_, conclusive=False)
        assert rig.submitted() == []
    rig.found(exit_, OrderState.FILLED, "10", rig.a_fill(exit_, "10", "100"))
    assert rig.is_flat


def stop_beside_doubt(rig: Rig) -> tuple[str, str]:
    """Close the position; the answer to its sale is lost, and the stop goes back. The ids of both."""
    exit_ = rig.leaving()
    rig.unknown(exit_)
    rig.tick(rig.engine.config.timing.protect_ms + 1)
    rig.snapshot(USDT="9000", BTC="10")
    return exit_, rig.one(Purpose.STOP)


def test_beside_an_exit_in_doubt_the_stop_goes_back_once_the_account_shows_that_nothing_was_sold() -> None:
    rig = Rig.holding()
    exit_ = rig.leaving()
    rig.unknown(exit_)
    rig.snapshot_again(BTC="10", USDT="9000")
    rig.tick(rig.engine.config.timing.protect_ms)
    assert rig.submitted() == [], "what the account showed is older than the time that a sale may take"
    rig.tick(1)
    assert rig.fetched()
    rig.snapshot(BTC="10", USDT="9000")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    for _ in range(20):
        rig.tick(2_000)
        assert (rig.submitted(), rig.cancels()) == ([], []), "it is sold by the stop, or by what was sent"
    rig.found(exit_, OrderState.FILLED, "10", rig.a_fill(exit_, "10", "100"))
    assert (rig.is_flat, rig.cancels()) == (False, [stop])
    rig.cancelled(stop)
    assert rig.is_flat


@pytest.mark.parametrize("coins", [{}, {"BTC": "9"}])
def test_beside_an_exit_in_doubt_no_stop_goes_back_that_could_sell_what_is_not_there(coins: dict[str, str]) -> None:
    rig = Rig.holding()
    rig.unknown(rig.leaving())
    rig.tick(rig.engine.config.timing.protect_ms + 1)
    for _ in range(10):
        if rig.fetched():
            rig.snapshot(USDT="10000", **coins)
        assert rig.submitted() == []
        rig.tick(2_000)


def test_beside_an_exit_in_doubt_no_stop_goes_back_where_a_late_sale_would_find_the_owners_coins() -> None:
    rig = Rig.holding(owners="10")
    rig.unknown(rig.leaving(USDT="9000", BTC="20"))
    rig.tick(rig.engine.config.timing.protect_ms + 1)
    for _ in range(100):
        if rig.fetched():
            rig.snapshot(USDT="9000", BTC="20")
        assert rig.submitted() == []
        rig.tick(1_000)


def test_beside_an_exit_in_doubt_no_stop_is_tried_that_the_price_has_passed() -> None:
    rig = Rig.holding()
    rig.unknown(rig.leaving())
    rig.candle("97")
    rig.tick(rig.engine.config.timing.protect_ms + 1)
    asked = 0
    for _ in range(100):
        if rig.fetched():
            asked += 1
            rig.snapshot(USDT="9000", BTC="10")
        assert rig.submitted() == []
        rig.tick(1_000)
    assert asked <= 1, "no answer would change it"


def test_beside_an_exit_in_doubt_a_refused_stop_is_not_tried_again_before_the_market_is_seen_to_move() -> None:
    rig = Rig.holding()
    _, stop = stop_beside_doubt(rig)
    rig.reject(stop)
    for _ in range(100):
        rig.tick(1_000)
        if rig.fetched():
            rig.snapshot(USDT="9000", BTC="10")
        assert rig.submitted() == []
    rig.candle("99")
    rig.tick(30_000)
    rig.snapshot(USDT="9000", BTC="10")
    assert rig.one(Purpose.STOP)


def test_beside_an_exit_in_doubt_a_resting_stop_is_not_moved() -> None:
    rig = Rig.holding()
    _, stop = stop_beside_doubt(rig)
    rig.accept(stop)
    rig.candle("101", high="105")
    assert (rig.cancels(), rig.submitted()) == ([], [])


def test_an_exit_in_doubt_that_has_sold_beside_its_stop_has_it_cancelled_also_when_the_bot_ends() -> None:
    rig = Rig.holding()
    exit_, stop = stop_beside_doubt(rig)
    rig.accept(stop)
    rig.command(CommandKind.PROTECT, reason="shutdown")
    rig.found(exit_, OrderState.FILLED, "10", rig.a_fill(exit_, "10", "100"))
    assert rig.cancels() == [stop]
    rig.cancelled(stop)
    assert rig.is_flat


def test_what_the_stop_beside_a_doubtful_exit_has_sold_is_not_said_to_be_unsold() -> None:
    rig = Rig.holding()
    _, stop = stop_beside_doubt(rig)
    rig.accept(stop)
    rig.fill(stop, "10", "98")
    for _ in range(100):
        rig.tick(1_000)
        assert "NOT_SOLD" not in rig.notes()


@pytest.mark.parametrize("how", ["never arrived", "lost", "ignored"])
def test_beside_an_exit_in_doubt_a_stop_that_is_gone_and_was_not_refused_is_placed_again_at_once(how: str) -> None:
    rig = Rig.holding()
    _, stop = stop_beside_doubt(rig)
    if how == "lost":
        rig.accept(stop)
    else:
        rig.unknown(stop)
    if how == "ignored":
        rig.command(CommandKind.RESOLVE, stop, "ignore")
    else:
        rig.absent(stop)
        rig.absent(stop)
    for _ in range(3):
        if not rig.fetched():
            rig.tick(rig.engine.config.timing.exit_retry_ms)
        if rig.fetched():
            rig.snapshot(rig.filled_entry(), USDT="9000", BTC="10")
        if rig.submitted():
            break
    assert rig.one(Purpose.STOP) != stop


def test_beside_an_exit_in_doubt_a_refused_stop_is_tried_again_after_a_while_where_no_candle_closes() -> None:
    rig = Rig.holding()
    _, stop = stop_beside_doubt(rig)
    rig.reject(stop)
    refused_ms = rig.now
    while not rig.submitted():
        rig.tick(5_000)
        if rig.fetched():
            rig.snapshot(rig.filled_entry(), USDT="9000", BTC="10")
        assert rig.now - refused_ms <= REFUSED_MS + MINUTE
    assert rig.one(Purpose.STOP) != stop
    assert rig.now - refused_ms >= REFUSED_MS


def test_a_stop_that_was_refused_while_the_clock_was_ahead_does_not_keep_the_next_one_away() -> None:
    rig = Rig.holding()
    _, stop = stop_beside_doubt(rig)
    rig.reject(stop)
    later = replace(rig.order(stop), updated_ms=rig.now + 1_440 * MINUTE)
    records = [later if record == rig.order(stop) else record for record in rig.engine.state.records()]
    again = rig.restarted(records=records, at_ms=rig.now + 1_000)
    again.tick(MINUTE)
    again.candle("100")
    for _ in range(60):
        if again.fetched():
            again.snapshot(rig.filled_entry(), USDT="9000", BTC="10")
        if again.submitted():
            break
        again.tick(1_000)
    assert again.one(Purpose.STOP)


def test_beside_an_exit_in_doubt_the_stop_grows_with_what_is_held() -> None:
    """The entry was cancelled, 10 of it filled by the exchange's word; the trades of the last 4 come late."""
    rig = Rig.started(USDT="10000")
    entry = rig.entered()
    rig.fill(entry, "6", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(entry, "10")
    shown = rig.report(entry, OrderState.CANCELED, "10")
    while not rig.cancels():
        rig.tick(1_000)
    rig.cancelled(stop)
    rig.snapshot(shown, USDT="9000", BTC="10")
    rig.unknown(rig.one(Purpose.EXIT))
    stops: list[str] = []
    for _ in range(30):
        rig.tick(1_000)
        if rig.fetched():
            rig.snapshot(shown, *(rig.report(s, OrderState.OPEN) for s in stops[-1:]), USDT="9000", BTC="10")
        for gone in rig.cancels():
            rig.cancelled(gone)
        for sent in rig.submitted():
            stops.append(sent.client_order_id)
            rig.accept(stops[-1])
            if len(stops) == 1:
                assert sent.quantity == 6
                rig.fill(entry, "4", "100")
    (resting,) = (o for o in rig.engine.state.live_orders(BTC.symbol) if o.intent.purpose is Purpose.STOP)
    assert (len(stops), resting.remaining, rig.position.quantity) == (2, 10, 10)


def test_an_exit_that_never_was_is_sent_anew_under_another_id() -> None:
    rig = Rig.holding()
    exit_ = rig.leaving()
    rig.unknown(exit_)
    rig.absent(exit_)
    rig.absent(exit_)
    assert rig.fetched()
    rig.snapshot()
    assert rig.one(Purpose.EXIT) != exit_
