"""Comparing what the engine believes with what the exchange shows. The exchange's word wins, where it is sure."""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal

from msgspec.structs import replace

from trading.domain.actions import Level
from trading.domain.events import AccountSnapshot, OrderReport
from trading.domain.instruments import ZERO
from trading.domain.orders import ACKNOWLEDGED, Order, OrderState, Purpose, Side
from trading.domain.positions import Account, Balance, Position, capital_of
from trading.engine.adoption import is_left_to_a_person, oldest_first
from trading.engine.desk import Desk, Holding
from trading.engine.doubt import never_arrived
from trading.engine.portfolio import book_shortfall
from trading.engine.tracking import apply_report, filled_by_word, is_known


def on_snapshot(desk: Desk, snapshot: AccountSnapshot) -> set[str]:
    """Take an account snapshot in; the symbols that it concerned. An answer to no open question is ignored.

    A symbol whose orders moved after the question was asked is not compared: its part of the answer is out of date.
    """
    asked = desk.take_answer(snapshot.token)
    if asked is None:
        return set()
    _, then = asked
    desk.is_new = desk.state.account is None
    _open_account(desk, snapshot)
    news = [report for report in snapshot.orders if not is_known(desk, report)]
    touched = {symbol for report in oldest_first(desk, news) if (symbol := apply_report(desk, report)) is not None}
    shown = {report.client_order_id for report in snapshot.orders}
    outdated = {report.symbol for report in news if _is_behind(desk, report)}
    for symbol, instrument in desk.config.instruments.items():
        activity = desk.activity.get(symbol, 0)
        if activity != then.get(symbol, 0):
            continue
        desk.holdings[symbol] = Holding(activity, snapshot.balances.get(instrument.base, Balance(ZERO)), asked[0])
        touched.add(symbol)
        for order in desk.state.live_orders(symbol):
            if order.state in ACKNOWLEDGED and order.id not in shown:
                desk.query(order)
            elif desk.is_long_unknown(order, asked[0]) and _cannot_rest(desk, order):
                never_arrived(desk, order, "the account holds its coins, and too few are locked for it to rest")
        if symbol not in outdated:
            _note_foreign(desk, symbol)
            _compare_holding(desk, symbol, shown)
    desk.reconciled_ms = desk.state.now_ms
    desk.ready = True
    return touched | set(desk.state.positions) | {s for s, orders in desk.state.live.items() if orders}


def _open_account(desk: Desk, snapshot: AccountSnapshot) -> None:
    """The bot's part of the account: its capital, as far as the quote coin is there when it first looks.

    Until its first trade it looks again: an account may be filled after the bot was first started.
    """
    quote, known = desk.config.quote, desk.state.account
    found = max(snapshot.balances.get(quote, Balance(ZERO)).free, ZERO)
    most = desk.config.capital
    capital = capital_of(found, most)
    account = Account(quote=quote, start_capital=capital, cash=capital)
    if known is not None and (capital <= known.start_capital or _has_traded(desk, known)):
        return
    desk.state.put(account)
    if not capital or (most is not None and capital < most):
        wanted = "" if most is None else f", not {most}"
        text = f"the account has {found} {quote} free: the bot's capital is {capital}{wanted}"
        desk.notify(Level.WARNING, "CAPITAL_BELOW_LIMIT", text)


def _has_traded(desk: Desk, account: Account) -> bool:
    """Whether the account's sums hold anything of orders, or may soon."""
    untouched = Account(quote=account.quote, start_capital=account.start_capital, cash=account.start_capital)
    return account != untouched or bool(desk.state.positions) or any(desk.state.live.values())


def _compare_holding(desk: Desk, symbol: str, shown: Set[str]) -> None:
    """A position that is larger than the exchange's balance is cut to it, if snapshots say the same for a while.

    One snapshot may be older than the last trades, and so may the next: they can come from a copy that lags.
    """
    position = desk.state.positions.get(symbol)
    missing = _missing(desk, position, shown) if position is not None else ZERO
    if position is None or not missing or _is_sale_untold(desk, symbol):
        desk.shortfalls.pop(symbol, None)
        return
    seen = desk.shortfalls.get(symbol)
    if seen is None or seen[0] != missing:
        desk.shortfalls[symbol] = (missing, desk.state.now_ms)
    elif desk.state.now_ms - seen[1] >= desk.config.timing.missing_ms:
        del desk.shortfalls[symbol]
        book_shortfall(desk, position, missing, f"not in the account at {desk.state.now_ms}")


def _note_foreign(desk: Desk, symbol: str) -> None:
    """Coins that are not the bot's, while nothing is being bought or in doubt.

    A balance may lag behind the trades, or run ahead of what is known: beside a position it counts as less only where
    it shows that the coins of the position's stop are there, locked. Too much only means that it proves less.
    """
    for order in desk.state.live_orders(symbol):
        if order.intent.purpose is Purpose.ENTRY or order.state not in ACKNOWLEDGED or order.has_unseen_fills:
            return
    position = desk.state.positions.get(symbol)
    balance = desk.holdings[symbol].balance
    if position is None:
        desk.foreign[symbol] = balance.total
        return
    seen, known = max(balance.total - position.quantity, ZERO), position.foreign_quantity
    rests = sum((order.remaining for order in desk.state.live_orders(symbol)), ZERO)
    if known is not None and seen < known and not 0 < rests <= balance.locked:
        seen = known
    desk.foreign[symbol] = seen
    if seen != known:
        desk.state.put(replace(position, foreign_quantity=seen))


def _cannot_rest(desk: Desk, order: Order) -> bool:
    """Whether a stop's coins are there, and too few are locked for it to rest: on spot an order locks what it sells.

    Coins that are not the bot's prove nothing: they would be there, too, if the stop had sold. Should it come after all
    it is a late order: what it locks then is not the position's any more.
    """
    position = desk.state.positions.get(order.intent.symbol)
    balance = desk.holdings[order.intent.symbol].balance
    is_stop = order.intent.purpose is Purpose.STOP and not is_left_to_a_person(order)
    return (
        is_stop
        and position is not None
        and position.foreign_quantity is not None
        and balance.locked < order.remaining
        and balance.free >= desk.held(position) > 0
        and balance.total >= position.foreign_quantity + desk.held(position)
    )


def _is_sale_untold(desk: Desk, symbol: str) -> bool:
    """Whether a sale may have happened that is not booked yet: then it explains what is missing, and will be booked."""
    return any(
        order.intent.side is Side.SELL and (order.state is OrderState.UNKNOWN or order.has_unseen_fills)
        for order in desk.state.live_orders(symbol)
    )


def _missing(desk: Desk, position: Position, shown: Set[str]) -> Decimal:
    """How much of the position is not in the account. What a sale would sell that rests beside the balance is there."""
    balance = desk.holdings[position.symbol].balance
    live = desk.state.live_orders(position.symbol)
    sales = [o for o in live if o.id in shown and o.state in ACKNOWLEDGED and o.intent.side is Side.SELL]
    there = max(balance.total, sum((order.remaining for order in sales), ZERO))
    return max(position.quantity - there, ZERO)


def _is_behind(desk: Desk, report: OrderReport) -> bool:
    """Whether the report is older than what is booked: then the balances beside it are too."""
    order = desk.state.orders.get(report.client_order_id)
    return order is not None and filled_by_word(order, report) < order.filled_quantity
