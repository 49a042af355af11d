"""Booking: fills and corrections onto positions and cash. Plain sums, so that the money always adds up."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from trading.domain.actions import Level
from trading.domain.errors import InvariantViolated
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, Order, Purpose, Side
from trading.domain.positions import Account, Correction, CorrectionKind, Position, PositionSide
from trading.engine.desk import Desk
from trading.engine.ids import decision_id
from trading.engine.state import EngineState

UNPLANNED_STOP_SHARE = Decimal("0.05")


def equity(state: EngineState) -> Decimal:
    """What the bot is worth, in quote: cash and positions at the last price, less fees paid from outside. Exact."""
    account = state.account
    if account is None:
        return ZERO
    return account.cash + exposure(state) - account.outside_fees


def exposure(state: EngineState) -> Decimal:
    """Worth of the open positions at the last prices, in quote."""
    worth = ZERO
    for position in state.positions.values():
        quantity = position.quantity
        if quantity:
            worth += quantity * price_of(state, position)
    return worth


def price_of(state: EngineState, position: Position) -> Decimal:
    """What one unit of the position is valued at: the last price; before the first candle the price of its decision."""
    known = state.symbols.get(position.symbol)
    return known.price if known is not None else position.decision_price


def equity_from_profit(state: EngineState) -> Decimal:
    """The same as `equity` from the other side: start + realised + unrealised - fees - funding + deposits (I6)."""
    account = state.account
    if account is None:
        return ZERO
    total = account.start_capital + account.deposits
    total += account.closed_profit - account.closed_fees - account.closed_funding
    return total + sum((p.net_profit(price_of(state, p)) for p in state.positions.values()), ZERO)


def book_fill(desk: Desk, order: Order, fill: Fill) -> None:
    """Add a new fill to its order's position and to the cash. The order itself is updated by the caller."""
    state = desk.state
    instrument = desk.instrument(fill.symbol)
    state.put(fill)
    held = state.positions.get(fill.symbol)
    position = _reopened(desk, order, fill) if held is None or _is_from_before(held, order, fill) else held
    account = _account(state)
    value = fill.price * fill.quantity
    if fill.side is Side.BUY:
        first_ms = min(fill.time_ms, state.now_ms)
        if position.first_fill_ms is not None:
            first_ms = min(first_ms, position.first_fill_ms)
        position = replace(
            position, bought=position.bought + fill.quantity, cost=position.cost + value, first_fill_ms=first_ms
        )
        account = replace(account, cash=account.cash - value)
    else:
        position = replace(position, sold=position.sold + fill.quantity, proceeds=position.proceeds + value)
        account = replace(account, cash=account.cash + value)
        known = min(order.written_off, fill.quantity)
        if known:
            # It was booked when its trades did not show: what was booked stays, and the trade adds nothing to it.
            note = f"booked before its trade {fill.trade_id} was shown"
            account, position = _unsold(desk, account, position, known, fill.price, note)

    if fill.fee_coin == instrument.quote:
        position = replace(position, fees=position.fees + fill.fee)
        account = replace(account, cash=account.cash - fill.fee)
    elif fill.fee_coin == instrument.base:
        worth = fill.fee * fill.price
        position = replace(position, fees=position.fees + worth)
        position = _correct(desk, position, CorrectionKind.BASE_FEE, -fill.fee, -worth, fill.trade_id)
    elif fill.fee:
        worth = fill.fee_value if fill.fee_value is not None else ZERO
        if fill.fee_value is None:
            desk.notify(
                Level.WARNING, "FEE_UNVALUED", f"fee of {fill.fee} {fill.fee_coin} has no known worth", fill.symbol
            )
        position = replace(position, fees=position.fees + worth)
        account = replace(account, outside_fees=account.outside_fees + worth)

    if position.quantity < 0:
        account, position = _oversold(desk, account, position, fill)
    state.put(account)
    if held is None or position.id == held.id:
        state.put(position)
    else:
        close_position(desk, position)


def _is_from_before(held: Position, order: Order, fill: Fill) -> bool:
    """Whether an earlier position's order has sold before this one was opened: none of its coins, then."""
    return fill.side is Side.SELL and order.intent.position_id != held.id and fill.time_ms < held.opened_ms


def book_shortfall(desk: Desk, position: Position, missing: Decimal, note: str) -> Position:
    """Take `missing` base off the position because the exchange does not have it: the exchange's word wins."""
    position = _correct(desk, position, CorrectionKind.RECONCILED, -missing, ZERO, note)
    desk.state.put(position)
    desk.notify(Level.CRITICAL, "POSITION_CORRECTED", f"{missing} {position.symbol} missing at the exchange: {note}")
    return position


def write_off(desk: Desk, order: Order) -> Order:
    """Wait no longer for trades that the exchange counts and does not show; the order as it is then, not yet put.

    What was sold is booked at the last price, since nothing better is known: the coins are gone, and another sale would
    sell what is not the bot's. What was bought is in no position, and is not the bot's from then on.
    """
    quantity = order.unseen_quantity
    position = desk.state.positions.get(order.intent.symbol)
    if quantity and order.intent.side is Side.SELL and position is not None and position.id == order.intent.position_id:
        sold, price = min(quantity, position.quantity), price_of(desk.state, position)
        note = f"sold by order {order.id}, trades not shown by {desk.state.now_ms}"
        account, position = _unsold(desk, _account(desk.state), position, -sold, price, note)
        desk.state.put(position)
        desk.state.put(account)
        text = f"{sold} {position.symbol} {note}: booked at the last price, worth {sold * price:.2f}"
        desk.notify(Level.CRITICAL, "POSITION_CORRECTED", text, position.symbol)
    return replace(order, written_off=order.written_off + quantity)


def close_position(desk: Desk, position: Position) -> Decimal | None:
    """End a position: what is left is booked as dust, the sums go to the account.

    Its net profit (quote), or None for a position that never traded.
    """
    state = desk.state
    account = _account(state)
    if position.quantity:
        position = _correct(desk, position, CorrectionKind.DUST, -position.quantity, ZERO, "too small to sell")
    traded = position.bought > 0 or position.sold > 0
    state.put(replace(position, closed_ms=state.now_ms, unprotected_since_ms=None))
    state.put(
        replace(
            account,
            closed_profit=account.closed_profit + position.gross_profit(ZERO),
            closed_fees=account.closed_fees + position.fees,
            closed_funding=account.closed_funding + position.funding,
            closed_positions=account.closed_positions + traded,
        )
    )
    if not traded:
        return None
    profit = position.net_profit(ZERO)
    hit = position.exit_reason == "stop"
    desk.notify(
        Level.WARNING if hit and profit < 0 else Level.INFO,
        "STOP_HIT" if hit else "POSITION_CLOSED",
        f"{position.symbol}: {position.exit_reason or 'closed'}, net profit {profit:.4f} {account.quote}",
        position.symbol,
    )
    return profit


def _account(state: EngineState) -> Account:
    if state.account is None:
        raise InvariantViolated("a fill before the account was read")
    return state.account


def distance_without_plan(desk: Desk, symbol: str, price: Decimal) -> Decimal:
    """How far under `price` (quote) the stop of a position rests that no decision has planned."""
    return desk.instrument(symbol).price_up(price * UNPLANNED_STOP_SHARE)


def _reopened(desk: Desk, order: Order, fill: Fill) -> Position:
    """A position for a fill that comes when none is open: of a late order. It is there only to be closed.

    It has an id of its own, since the order's position is over and stays as it was booked. The time alone would not do:
    trades of one match have the same.
    """
    return Position(
        id=decision_id(order.intent.position_id, fill.trade_id, fill.time_ms),
        symbol=fill.symbol,
        side=PositionSide.LONG,
        opened_ms=fill.time_ms,
        decision_price=fill.price,
        stop_distance=distance_without_plan(desk, fill.symbol, fill.price),
        exit_reason="late fill" if order.intent.purpose is Purpose.ENTRY else "fill after close",
    )


def _correct(
    desk: Desk,
    position: Position,
    kind: CorrectionKind,
    quantity: Decimal,
    cost: Decimal,
    note: str,
    *,
    cash: Decimal = ZERO,
) -> Position:
    desk.state.put(
        Correction(
            id=f"{position.id}-{kind}-{note}",
            position_id=position.id,
            symbol=position.symbol,
            kind=kind,
            quantity=quantity,
            cost=cost,
            cash=cash,
            time_ms=desk.state.now_ms,
            note=note,
        )
    )
    return replace(position, adjusted=position.adjusted + quantity, adjusted_cost=position.adjusted_cost + cost)


def _oversold(desk: Desk, account: Account, position: Position, fill: Fill) -> tuple[Account, Position]:
    """More was sold than the bot held: the owner's coins. Their proceeds are not the bot's cash."""
    excess = -position.quantity
    desk.notify(Level.CRITICAL, "SOLD_NOT_HELD", f"{excess} {fill.symbol} sold that the bot did not hold", fill.symbol)
    note = f"sold but not held, trade {fill.trade_id}"
    return _unsold(desk, account, position, excess, fill.price, note)


def _unsold(
    desk: Desk, account: Account, position: Position, quantity: Decimal, price: Decimal, note: str
) -> tuple[Account, Position]:
    """Take a sale of so much (base) at that price out of the books again, coins and cash; a negative one books it."""
    worth = quantity * price
    position = _correct(desk, position, CorrectionKind.RECONCILED, quantity, worth, note, cash=-worth)
    return replace(account, cash=account.cash - worth), position
