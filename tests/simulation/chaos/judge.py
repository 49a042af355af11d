"""Says whether what happened may happen: the invariants of the design, by comparing the bot with the truth."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import sqlalchemy as sa

from tests.simulation.chaos.bot import Bot
from tests.simulation.chaos.faults import Kind
from tests.simulation.chaos.world import WINDOW_MS, Violation, World
from trading.domain.events import Command, CommandKind
from trading.domain.instruments import ZERO
from trading.domain.orders import ACKNOWLEDGED, Fill, Order, OrderIntent, OrderState, Purpose, Side
from trading.domain.positions import Correction, CorrectionKind
from trading.engine import portfolio
from trading.store.database import reading
from trading.store.latch import read_kill
from trading.store.rows import to_record
from trading.store.schema import corrections, fills

HUNDRED = Decimal(100)
_to_fill = to_record(Fill)
_to_correction = to_record(Correction)


class Judge:
    """Watches one run. Every method raises `Violation`, which says what was broken.

    Bare (I5): coins of the bot, worth more than the exchange's minimum, that no order of its sells, live at the
    exchange. Only seconds count in which the bot lives, has recovered, and can reach the exchange; a fault that strikes
    a request meanwhile, or news that never came, gives it the time it takes to find that out.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.bare_max_s = 0
        self._bare_since: dict[str, int] = {}
        self._excused: dict[str, int] = defaultdict(int)
        self._struck_then: dict[str, int] = {}

    # -- while it runs

    def before_sending(self, bot: Bot, intent: OrderIntent) -> None:
        """An order is about to be sent: may it be (I3, I4)?

        Candles of one minute come one after the other: each symbol is valued at the lower of its last two closes.
        """
        if intent.purpose is not Purpose.ENTRY:
            return
        safety = bot.engine.state.safety
        if safety.killed or safety.halted or safety.paused:
            raise Violation(f"I4: {intent} sent while {safety}")
        if read_kill(bot.journal.engine).active:
            raise Violation(f"I4: {intent} sent with the kill switch latched")
        if not bot.engine.ready:
            raise Violation(f"I4: {intent} sent before the first reconciliation")
        if bot.line.is_down:
            raise Violation(f"I4: {intent} sent while the journal cannot be written")
        self._check_limits(bot, intent)

    def _check_limits(self, bot: Bot, intent: OrderIntent) -> None:
        world, config = self.world, bot.engine.config
        limits, account = config.limits, bot.engine.state.account
        assert account is not None
        capital = min(config.capital, account.start_capital)
        gross, places = ZERO, 0
        for symbol in config.instruments:
            quantity = world.owned_by_bot(symbol) + self._may_buy(bot, symbol) - self._unheard_of(bot, symbol)
            if symbol == intent.symbol:
                quantity += intent.quantity
            value = quantity * world.lower_close(symbol)
            places += bool(value)
            gross += value
            if symbol == intent.symbol and (
                value > limits.max_position_notional or value * HUNDRED > limits.max_symbol_pct * capital
            ):
                raise Violation(f"I3: {value} of {symbol} with {intent}")
        if gross * HUNDRED > limits.max_gross_pct * capital or places > limits.max_open_positions:
            raise Violation(f"I3: {gross} in {places} positions with {intent}")

    def _may_buy(self, bot: Bot, symbol: str) -> Decimal:
        """What entries at the exchange may still buy; not one that came after the exchange said that it never would."""
        given_up = bot.engine.state.orders if self.world.promise_is_broken else {}
        return sum(
            (
                o.remaining
                for o in self.world.open_orders(symbol)
                if o.intent.side is Side.BUY and not _is_given_up(given_up.get(o.intent.client_order_id))
            ),
            ZERO,
        )

    def _unheard_of(self, bot: Bot, symbol: str) -> Decimal:
        """What such an order has bought, as long as the bot has not heard of it: nobody could know."""
        if not self.world.promise_is_broken:
            return ZERO
        known = bot.engine.state.orders
        bought = (o for o in self.world.orders_of_bot() if o.intent.side is Side.BUY and o.intent.symbol == symbol)
        return sum(
            (
                o.filled - known[o.intent.client_order_id].filled_quantity
                for o in bought
                if _is_given_up(known.get(o.intent.client_order_id))
            ),
            ZERO,
        )

    def after_step(self, bot: Bot) -> None:
        """Between two seconds: do the books add up (I6), and is what is held protected (I5)?"""
        self.books_add_up(bot)
        excused = not self.world.is_reachable() or not bot.engine.ready
        for symbol in self.world.held:
            self._watch(bot, symbol, excused=excused)

    def books_add_up(self, bot: Bot) -> None:
        """Equity is the same from both sides, and nothing held is negative (I6)."""
        state = bot.engine.state
        if portfolio.equity(state) != portfolio.equity_from_profit(state):
            raise Violation(f"I6: {portfolio.equity(state)} is not {portfolio.equity_from_profit(state)}")
        for position in state.positions.values():
            if position.quantity < 0:
                raise Violation(f"I6: negative {position}")

    def dead(self) -> None:
        """The bot is dead: nobody protects anything now."""
        self._bare_since.clear()

    def _watch(self, bot: Bot, symbol: str, *, excused: bool) -> None:
        world = self.world
        bare = world.owned_by_bot(symbol) - _dust(bot, symbol) - world.selling(symbol)
        price = world.exchange.last_price(symbol) or ZERO
        instrument = world.scenario.config.instruments[symbol]
        if excused or bare <= 0 or instrument.is_dust(bare, price * 9 / 10):
            self._bare_since.pop(symbol, None)
            return
        since = self._bare_since.get(symbol)
        if since is None:
            self._bare_since[symbol] = world.second
            self._struck_then[symbol] = world.strikes_of_requests
            return
        bare_s = world.second - since
        self.bare_max_s = max(self.bare_max_s, bare_s)
        allowed = self.bound_s(world.strikes_of_requests - self._struck_then[symbol])
        if bare_s > allowed:
            raise Violation(f"I5: {bare} {symbol} bare for {bare_s} s, {allowed} s are allowed")

    def bound_s(self, strikes: int) -> int:
        """How long coins may be bare when so many requests were struck meanwhile."""
        timing = self.world.scenario.config.timing
        doubt = timing.answer_ms + WINDOW_MS + 4 * timing.query_ms
        bound_ms = timing.protect_ms + timing.answer_ms + 2 * timing.query_ms + strikes * doubt
        struck = self.world.strikes.struck
        if any(f.kind in _HIDES_NEWS for f in struck):
            # What should fill is looked at anyway; a stop that rests only at the next reconciliation.
            taken_away = any(f.kind is Kind.STOP_TAKEN_AWAY for f in struck)
            bound_ms += timing.reconcile_ms if taken_away else timing.answer_ms + timing.query_ms
        if any(f.kind is Kind.STOP_FORGOTTEN for f in struck):
            # Nobody tells of it: the next reconciliation finds that it is not there, and two questions that it is gone.
            bound_ms += timing.reconcile_ms + timing.answer_ms + 2 * timing.query_ms
        slow = sum(f.times for f in struck if f.kind in (Kind.CLOCK_AHEAD, Kind.NEWS_LATE))
        return bound_ms // 1000 + slow

    # -- when the faults are over

    def is_reconciled(self, bot: Bot) -> str:
        """Empty, or what the bot and the exchange do not agree on (I2, I8, I9)."""
        return self._fills_differ(bot) or self._orders_differ(bot) or self._coins_differ(bot) or self._unprotected(bot)

    def _fills_differ(self, bot: Bot) -> str:
        with reading(bot.journal.engine) as connection:
            rows = connection.execute(sa.select(fills)).mappings().all()
        booked = {(f.symbol, f.trade_id): f for f in map(_to_fill, rows)}
        if len(booked) != len(rows):
            return "I8: a fill is booked twice"
        missing = self.world.fills.keys() - booked.keys()
        too_many = booked.keys() - self.world.fills.keys()
        if missing or too_many:
            return f"I8: fills missing {sorted(missing)}, fills that never were {sorted(too_many)}"
        wrong = [key for key, fill in booked.items() if fill != self.world.fills[key]]
        return f"I8: fills booked otherwise than they were: {wrong}" if wrong else ""

    def _orders_differ(self, bot: Bot) -> str:
        state = bot.engine.state
        true = {order.intent.client_order_id: order for order in self.world.orders_of_bot()}
        for order_id, real in true.items():
            order = state.orders.get(order_id)
            if order is None:
                return f"I2: the bot does not know {real}"
            if order.filled_quantity != real.filled:
                return f"I2: {order} filled {real.filled} at the exchange"
            if real.state.is_final:
                late = order.state is OrderState.REJECTED and self.world.promise_is_broken
                if order.state is not real.state and not late:
                    return f"I2: {order} is {real.state} at the exchange"
            elif order.state not in ACKNOWLEDGED:
                return f"I2: {order} rests at the exchange"
        for order in state.orders.values():
            if order.id not in true and order.state is not OrderState.REJECTED:
                return f"I2: {order} does not exist at the exchange"
        return ""

    def _coins_differ(self, bot: Bot) -> str:
        world, state = self.world, bot.engine.state
        account = state.account
        if account is None:
            return "the account was never read"
        with reading(bot.journal.engine) as connection:
            wrong = sa.select(corrections).where(corrections.c.kind == CorrectionKind.RECONCILED.value)
            corrected = [_to_correction(row) for row in connection.execute(wrong).mappings()]
        if corrected and not world.promise_is_broken:
            return f"I2: a position was corrected where nothing was wrong: {corrected}"
        # An exit that comes after it was given up sells coins of the owner's, whose price is his too.
        true_cash = account.start_capital + world.cash + sum((c.cash for c in corrected), ZERO)
        if account.cash != true_cash:
            return f"I2: cash {account.cash}, at the exchange {true_cash}"
        for symbol, held in world.held.items():
            position = state.positions.get(symbol)
            booked = position.quantity if position is not None else ZERO
            booked -= sum((c.quantity for c in corrected if c.symbol == symbol), ZERO)
            if booked + world.dust[symbol] != held:
                return f"I2: {booked} {symbol} and {world.dust[symbol]} of dust in the books, {held} at the exchange"
        return self._owners_coins_differ()

    def _owners_coins_differ(self) -> str:
        world = self.world
        instruments = world.scenario.config.instruments.values()
        balances = world.account_now().balances
        for coin, owned in world.scenario.owned.items():
            bots = sum((world.held[i.symbol] for i in instruments if i.base == coin), ZERO)
            if coin == world.scenario.config.quote:
                bots = world.scenario.config.capital + world.cash
            if balances[coin].total != owned + bots:
                return f"I2: the account has {balances[coin].total} {coin}: {owned} of the owner's, {bots} of the bot's"
        return ""

    def _unprotected(self, bot: Bot) -> str:
        for order in bot.engine.state.all_live_orders():
            if order.state not in ACKNOWLEDGED:
                return f"I9: {order} is unresolved"
        for symbol, position in bot.engine.state.positions.items():
            bare = self.world.owned_by_bot(symbol) - self.world.selling(symbol)
            instrument = self.world.scenario.config.instruments[symbol]
            if position.stop_price is None or not instrument.is_dust(bare, position.stop_price):
                return f"I5: {bare} of {position} is bare"
        return ""

    def is_flat(self, bot: Bot) -> str:
        """Empty, or what is left after everything was closed."""
        state = bot.engine.state
        left = [str(p) for p in state.positions.values()]
        left += [str(o) for o in state.all_live_orders()]
        return f"not closed: {left}" if left else ""

    async def reconcile_again(self, bot: Bot) -> None:
        """A second reconciliation right after one asks for nothing and changes nothing."""
        command = Command(time_ms=bot.clock_ms, id="again", kind=CommandKind.RECONCILE, by="judge")
        await bot.pump([command])
        before = bot.engine.state.records()
        sent = len(self.world.sent_ms)
        await bot.pump([Command(time_ms=bot.clock_ms, id="once more", kind=CommandKind.RECONCILE, by="judge")])
        if bot.engine.state.records() != before or len(self.world.sent_ms) != sent:
            raise Violation("a second reconciliation changed something")


def _is_given_up(order: Order | None) -> bool:
    return order is not None and order.state is OrderState.REJECTED


def _dust(bot: Bot, symbol: str) -> Decimal:
    """What the bot has booked off and not committed yet."""
    changes = bot.engine.state.changes
    found = (c for c in changes if isinstance(c, Correction) and c.symbol == symbol and c.kind is CorrectionKind.DUST)
    return -sum((c.quantity for c in found), ZERO)


_HIDES_NEWS = frozenset({Kind.NEWS_LOST, Kind.SILENCE})
