"""From a signal to an entry order, or to the veto that stopped it. Every decision is recorded."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from trading.decision.sizing import Sizing, SizingRefused, size_entry
from trading.domain.actions import Level
from trading.domain.candles import Candle
from trading.domain.decisions import Decision, IdleVeto, Signal, Verdict
from trading.domain.instruments import ZERO
from trading.domain.orders import Order, OrderIntent, OrderType, Purpose, Side
from trading.domain.positions import Position, PositionSide
from trading.engine.desk import Desk
from trading.engine.ids import client_order_id, decision_id
from trading.engine.portfolio import equity
from trading.engine.protection import request_exit
from trading.safety.checks import Refusal

DECISION_FAILED = "DECISION_FAILED"
"""Code of the halt after the decision path, sizing included, has raised an error."""


def on_signal(desk: Desk, candle: Candle, signal: Signal) -> None:
    """Act on what the decision path says about a closed candle."""
    position = desk.state.positions.get(candle.symbol)
    if signal.verdict is Verdict.HOLD:
        if desk.config.record_holds:
            _record(desk, candle, signal)
    elif signal.verdict is Verdict.EXIT:
        if position is not None and not position.exit_reason:
            request_exit(desk, position, "signal")
            _record(desk, candle, signal)
        elif desk.config.record_holds:
            _record(
                desk, candle, signal, veto=IdleVeto.NOTHING_TO_EXIT if position is None else IdleVeto.EXIT_UNDER_WAY
            )
    elif position is None:
        _enter(desk, candle, signal)
    elif desk.config.record_holds:
        _record(desk, candle, signal, veto=IdleVeto.POSITION_OPEN)


def _enter(desk: Desk, candle: Candle, signal: Signal) -> None:
    age_ms, fresh_ms = desk.state.now_ms - candle.close_time_ms, desk.config.timing.entry_fresh_ms
    if desk.config.stale_after_interval_ms and age_ms > fresh_ms:
        # The bot was away, or the feed late: its price is not the market's any more, and limits are counted with it.
        detail = f"the candle closed {age_ms / 1000:g} s ago; at most {fresh_ms / 1000:g} s"
        _record(desk, candle, signal, veto="CANDLE_TOO_OLD", detail=detail)
        return
    if desk.state.live_orders(candle.symbol):
        _record(desk, candle, signal, veto="ORDERS_UNRESOLVED")
        return
    blocked = desk.entries_blocked()
    if blocked:
        _record(desk, candle, signal, veto=blocked)
        return
    sizing: Sizing | None = None
    quantity = desk.config.fixed_quantity
    if quantity is None:
        found = _size(desk, candle, signal)
        if isinstance(found, SizingRefused):
            _record(desk, candle, signal, veto=found.code, detail=found.text)
            return
        sizing, quantity = found, found.quantity
    state = desk.state
    position_id = decision_id(desk.config.bot_id, candle.symbol, candle.close_time_ms)
    position = Position(
        id=position_id,
        symbol=candle.symbol,
        side=PositionSide.LONG,
        opened_ms=state.now_ms,
        decision_price=candle.close,
        stop_distance=sizing.stop_distance if sizing else None,
        target_distance=sizing.target_distance if sizing else None,
        trail_distance=sizing.trail_distance if sizing else None,
        foreign_quantity=desk.foreign.get(candle.symbol),
    )
    refusal = desk.submit(
        OrderIntent(
            client_order_id=client_order_id(desk.config.bot_id, position_id, Purpose.ENTRY, 0),
            position_id=position_id,
            symbol=candle.symbol,
            side=Side.BUY,
            type=OrderType.MARKET,
            quantity=quantity,
            purpose=Purpose.ENTRY,
            created_ms=state.now_ms,
            reason=f"score {signal.score:.3f}, confidence {signal.confidence:.2f}, {signal.regime}",
        )
    )
    if isinstance(refusal, Refusal):
        _record(desk, candle, signal, veto=refusal.code, detail=refusal.message)
        return
    state.put(position)
    _record(desk, candle, signal, quantity=quantity)


def enter_again(desk: Desk, lost: Order) -> None:
    """Finish a decision whose order certainly never reached the exchange, while it is fresh: with a new order.

    The bot ended between recording the order and hearing of it. Its id is not used again; the risk check decides anew.
    """
    intent = lost.intent
    position = desk.state.positions.get(intent.symbol)
    is_fresh = desk.state.now_ms - intent.created_ms <= desk.config.timing.entry_fresh_ms
    if not is_fresh or position is None or position.id != intent.position_id or position.exit_reason:
        return
    revision = intent.revision + 1
    again = replace(
        intent,
        client_order_id=client_order_id(desk.config.bot_id, position.id, Purpose.ENTRY, intent.leg, revision),
        revision=revision,
    )
    refusal = desk.submit(again)
    if refusal is not None:
        desk.notify(Level.INFO, refusal.code, f"{intent.symbol} is not entered again: {refusal.message}", intent.symbol)


def _size(desk: Desk, candle: Candle, signal: Signal) -> Sizing | SizingRefused:
    """How much to buy; where that cannot be worked out nothing, and no entries until a person has looked."""
    try:
        return _sized(desk, candle, signal)
    except Exception as error:  # noqa: BLE001 - positions must still be looked after, whatever broke in it
        desk.halt(DECISION_FAILED, f"the sizing of {candle.symbol} broke: {type(error).__name__}: {error}")
        return SizingRefused(code=DECISION_FAILED, values={})


def _sized(desk: Desk, candle: Candle, signal: Signal) -> Sizing | SizingRefused:
    config = desk.config
    account = desk.state.account
    cash = account.cash - desk.reserved_cash() if account is not None else ZERO
    gross = sum((desk.exposure() or {}).values(), ZERO)
    return size_entry(
        equity=min(equity(desk.state), desk.capital()),
        free_cash=cash,
        price=candle.close,
        atr=signal.atr,
        instrument=desk.instrument(candle.symbol),
        taker_fee_rate=config.taker_fee,
        max_position_notional=config.limits.largest_position(desk.capital(), gross),
        params=config.params,
    )


def _record(
    desk: Desk,
    candle: Candle,
    signal: Signal,
    *,
    veto: str = "",
    detail: str = "",
    quantity: Decimal | None = None,
) -> None:
    desk.state.put(
        Decision(
            id=decision_id(desk.config.bot_id, candle.symbol, candle.close_time_ms),
            symbol=candle.symbol,
            time_ms=candle.close_time_ms,
            price=candle.close,
            verdict=signal.verdict,
            score=signal.score,
            confidence=signal.confidence,
            regime=signal.regime,
            votes=signal.votes,
            veto=veto,
            veto_detail=detail,
            quantity=quantity,
        )
    )
