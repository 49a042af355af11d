"""What every part of the engine works with: the state, the configuration, and the actions asked for so far."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec.structs import replace

from trading.domain.actions import Action, CancelOrder, FetchAccount, Level, Notify, QueryOrder, SubmitOrder
from trading.domain.instruments import ZERO, Instrument
from trading.domain.orders import Approved, Order, OrderIntent, OrderState, Purpose, Side
from trading.domain.positions import Account, Balance, Position, capital_of
from trading.engine.config import EngineConfig
from trading.engine.ids import bot_tag
from trading.engine.state import EngineState
from trading.safety.approval import CHECK_FAILED, RiskCheck
from trading.safety.breaker import Finding, TripLevel
from trading.safety.checks import Refusal, RiskView

MINUTE_MS = 60_000
QUESTIONS_KEPT = 20
_LEVELS = {TripLevel.WARN: Level.WARNING, TripLevel.PAUSE: Level.CRITICAL, TripLevel.HALT: Level.CRITICAL}
_VOLATILE = (
    "ready",
    "activity",
    "fetches",
    "holdings",
    "foreign",
    "steady",
    "watched_account",
    "watched_day",
    "breaker_floor",
    "shortfalls",
    "short_since",
    "answers",
    "unread_since",
    "put_off",
    "reconciled_ms",
    "next_token",
    "entry_times",
    "called_for_person",
    "told_late",
    "noted_ended",
    "unsold_since",
    "stuck_told",
    "held_back",
)


class Holding(NamedTuple):
    """What the account last held of a symbol's base coin.

    activity: `Desk.activity` of the symbol by then. asked_ms: when it was asked for.
    """

    activity: int
    balance: Balance
    asked_ms: int


class Desk:
    """State and outbox of one engine. What is not in `state` is lost with the process, and may be.

    Attributes:
        activity: counts what happened to a symbol's orders; a balance is only trusted where it was asked for after the
            last of it.
        fetches: of each question about the account that may still be answered, by token: when it was asked, and the
            activity counts then.
        answers: how often the account was told.
        holdings: of each symbol's base coin what the account last held.
        foreign: how much of it was not the bot's, when nothing was being bought or in doubt.
        steady: positions that had all they need when last looked at: until they or their orders change, there is
            nothing to plan.
        shortfalls: what the account last lacked of a position, and since when.
        short_since: since when less is free than an exit wants to sell.
        unread_since: since when an exit waits for the account to be told, its stop gone.
        put_off: exits that wait for that with a stop in place, and `answers` when they began to.
        called_for_person: orders in doubt of which a person has been told.
        told_late: orders that appeared late and of which the owner has been told.
        noted_ended: orders that had ended before they were seen, and that nothing explains.
        is_new: the account was told for the first time in this database: what ended before is news.
        unsold_since: since when nothing of a position has been sold though its exit is decided; its id, and how much of
            it had been sold then.
        stuck_told: when a person was last told that a position cannot be sold, or may have lost its stop.
        protecting: the bot is about to end: positions are to get their stops; only what can have none is sold.
        held_back: positions whose exits had been decided before that; with a stop they are sold after the next start.
    """

    def __init__(self, config: EngineConfig, state: EngineState) -> None:
        self.config = config
        self.state = state
        self.tag = bot_tag(config.bot_id)
        self.risk = RiskCheck(config.limits)
        self.ready = False
        self.entries_latched = ""
        self.protecting = False
        self.actions: list[Action] = []
        self.activity: dict[str, int] = {}
        self.fetches: dict[int, tuple[int, dict[str, int]]] = {}
        self.holdings: dict[str, Holding] = {}
        self.foreign: dict[str, Decimal] = {}
        self.steady: dict[str, Position] = {}
        self.watched_account: Account | None = None
        self.watched_day = -1
        self.breaker_floor = ZERO
        self.shortfalls: dict[str, tuple[Decimal, int]] = {}
        self.short_since: dict[str, int] = {}
        self.answers = 0
        self.unread_since: dict[str, int] = {}
        self.put_off: dict[str, int] = {}
        self.reconciled_ms = 0
        self.next_token = 1
        self.called_for_person: dict[str, None] = {}
        self.told_late: dict[str, None] = {}
        self.noted_ended: dict[str, None] = {}
        self.is_new = False
        self.unsold_since: dict[str, tuple[int, str, Decimal]] = {}
        self.stuck_told: dict[str, int] = {}
        self.held_back: dict[str, None] = {}
        self.entry_times: deque[int] = deque()
        self._marked: dict[str, Any] = {}
        self.mark()

    def mark(self) -> None:
        """Keep what is not in the state as it is now, at a commit."""
        self._marked = {name: _copied(getattr(self, name)) for name in _VOLATILE}

    def reset(self) -> None:
        """Go back to the last `mark`: a question that was not committed was not asked, an answer not heard."""
        for name, value in self._marked.items():
            setattr(self, name, _copied(value))

    def instrument(self, symbol: str) -> Instrument:
        """The rules of a symbol that the bot trades."""
        return self.config.instruments[symbol]

    def price(self, symbol: str) -> Decimal | None:
        """The last price of the symbol, or None."""
        found = self.state.symbols.get(symbol)
        return found.price if found is not None else None

    def touch(self, symbol: str) -> None:
        """Note that something happened to the symbol's orders: balances asked for before are out of date."""
        self.activity[symbol] = self.activity.get(symbol, 0) + 1
        self.steady.pop(symbol, None)

    def put(self, order: Order) -> None:
        """Record what has just happened to the order."""
        self.state.put(replace(order, updated_ms=self.state.now_ms))
        self.touch(order.intent.symbol)

    def is_steady(self, symbol: str) -> bool:
        """Whether the symbol has a position that needs nothing as long as neither it nor its orders change."""
        position = self.state.positions.get(symbol)
        return position is not None and self.steady.get(symbol) is position

    def submit(self, intent: OrderIntent) -> Refusal | None:
        """Have the order approved, record it and ask for it to be sent; or the refusal."""
        approved = self._checked(intent)
        if isinstance(approved, Refusal):
            if approved.code == CHECK_FAILED:
                self.halt(CHECK_FAILED, f"a safety check broke: {approved.message}")
            return approved
        self._send(approved)
        return None

    def _checked(self, intent: OrderIntent) -> Approved[OrderIntent] | Refusal:
        """The answer of the checks; where what they look at cannot be worked out, an entry is refused."""
        try:
            return self.risk.approve(intent, self.risk_view(intent))
        except Exception as error:
            if intent.reduces:
                raise
            why = f"what the checks look at: {type(error).__name__}: {error}"
            return Refusal(code=CHECK_FAILED, message=why)

    def _send(self, approved: Approved[OrderIntent]) -> None:
        intent = approved.value
        now = self.state.now_ms
        self.state.put(Order(intent=intent, state=OrderState.SUBMITTING, updated_ms=now, submitted_ms=now))
        self.touch(intent.symbol)
        if intent.purpose is Purpose.ENTRY:
            self.entry_times.append(now)
        self.actions.append(SubmitOrder(approved))

    def cancel(self, order: Order) -> None:
        """Ask for the order's cancellation, unless that was asked and may still be answered."""
        if order.state.is_final or self._awaits_cancel(order):
            return
        now = self.state.now_ms
        # Asking once more is no news of the order, whose age tells for how long there was none.
        updated_ms = now if order.cancel_requested_ms is None else order.updated_ms
        self.state.put(replace(order, cancel_requested_ms=now, updated_ms=updated_ms))
        self.touch(order.intent.symbol)
        self.actions.append(CancelOrder(order.id, order.intent.symbol))

    def cancel_late(self, order: Order) -> None:
        """Cancel an order that was taken for gone and has appeared, unless that may still be answered.

        Its record stays final.
        """
        if self._awaits_cancel(order):
            return
        symbol = order.intent.symbol
        self.state.put(replace(order, cancel_requested_ms=self.state.now_ms))
        self.actions.append(CancelOrder(order.id, symbol))
        if order.id in self.told_late:
            return  # nor is it news: one that cannot be cancelled must not make every look at the account out of date
        self.told_late[order.id] = None
        self.touch(symbol)
        self.notify(Level.CRITICAL, "LATE_ORDER", f"{order.id} appeared after all; cancelling it", symbol)

    def _awaits_cancel(self, order: Order) -> bool:
        """Whether a cancel of it was asked for and may still be answered."""
        asked = order.cancel_requested_ms
        return asked is not None and 0 <= self.state.now_ms - asked < self.config.timing.answer_ms

    def query(self, order: Order, *, delay_ms: int = 0) -> None:
        """Ask about the order now, or after `delay_ms`; not again before the answer's time is over."""
        due = self.state.now_ms + (delay_ms or self.config.timing.query_ms)
        self.state.put(replace(order, query_due_ms=due))
        self.steady.pop(order.intent.symbol, None)
        if not delay_ms:
            self.actions.append(QueryOrder(order.id, order.intent.symbol))

    def fetch_account(self) -> None:
        """Ask for the account, unless a question with the same activity has just been asked.

        What was asked before may still be answered, however slow the exchange is.
        """
        now = self.state.now_ms
        for asked_ms, activity in self.fetches.values():
            if activity == self.activity and now - asked_ms < self.config.timing.account_ms:
                return
        token = self.next_token
        self.next_token += 1
        self.fetches[token] = (now, dict(self.activity))
        while len(self.fetches) > QUESTIONS_KEPT:
            del self.fetches[min(self.fetches)]
        self.actions.append(FetchAccount(token))

    def take_answer(self, token: int) -> tuple[int, dict[str, int]] | None:
        """When that question about the account was asked, and the activity then; None where its answer is no news.

        An answer to a later question makes those to earlier ones old.
        """
        asked = self.fetches.pop(token, None)
        if asked is not None:
            self.answers += 1
            self.fetches = {later: question for later, question in self.fetches.items() if later > token}
        return asked

    def is_long_unknown(self, order: Order, at_ms: int) -> bool:
        """Whether at `at_ms` nothing had been heard of the order for as long as a position may be bare."""
        sent_ms = order.submitted_ms
        return (
            order.state is OrderState.UNKNOWN
            and sent_ms is not None
            and at_ms - sent_ms > self.config.timing.protect_ms
        )

    def fresh_holding(self, symbol: str) -> Holding | None:
        """What the account holds of the symbol's base coin, if that was asked for after the last activity on it."""
        holding = self.holdings.get(symbol)
        return holding if holding is not None and holding.activity == self.activity.get(symbol, 0) else None

    def forget_balance(self, symbol: str) -> None:
        """Trust no balance of the symbol before it has been asked for again."""
        self.holdings.pop(symbol, None)

    def notify(self, level: Level, code: str, text: str, symbol: str = "") -> None:
        """Tell the owner."""
        self.actions.append(Notify(level, code, text, symbol))

    def halt(self, code: str, text: str) -> None:
        """Stop entries until a person has looked: something is not as it must be, and no limit says by how much."""
        self.trip(Finding(level=TripLevel.HALT, code=code, value="", limit="", text=text))

    def trip(self, finding: Finding) -> None:
        """Set the finding's latch, record it, tell of it, cancel entries; nothing where it is no news."""
        safety, known = self.state.safety, self.state.breaker
        match finding.level:
            case TripLevel.WARN:
                known = replace(known, warned=(*known.warned, finding.code))
            case TripLevel.PAUSE:
                if safety.paused:
                    return
                self.state.put(replace(safety, paused=finding.text, pause_code=finding.code))
            case TripLevel.HALT:
                halted = safety.with_halt(finding.code, finding.text)
                if halted is safety:
                    return
                self.state.put(halted)
        known = replace(known, trips=known.trips + 1)
        self.state.put(known)
        self.state.put(finding.as_trip(known.trips, self.state.now_ms))
        then = "; no entries until `tradebot resume`" if finding.level is TripLevel.HALT else ""
        text = f"{finding.code}: {finding.text}{then}"
        self.notify(_LEVELS[finding.level], f"BREAKER_{finding.level.upper()}", text)
        if finding.level is not TripLevel.WARN:
            self.cancel_entries()

    def cancel_entries(self) -> None:
        """Cancel every entry that may still fill."""
        for order in self.state.all_live_orders():
            if order.intent.purpose is Purpose.ENTRY:
                self.cancel(order)

    def held(self, position: Position) -> Decimal:
        """What is held, in base, less what has been sold by the exchange's word, its trades still to be shown."""
        held = position.quantity
        for order in self.state.live_orders(position.symbol):
            if order.state.is_final and order.intent.position_id == position.id and order.intent.side is Side.SELL:
                held -= order.unseen_quantity
        return held if held > ZERO else ZERO

    @property
    def is_stopped(self) -> bool:
        """Whether a kill, a halt or a pause stops entries, which a restart does not end: none may go on resting."""
        safety = self.state.safety
        return bool(safety.killed or safety.halted or safety.paused)

    def entries_blocked(self) -> str:
        """Empty, or the code of what stops entries now."""
        safety = self.state.safety
        if safety.killed:
            return "KILL_SWITCH"
        if safety.halted:
            return "HALTED"
        if safety.paused:
            return "PAUSED"
        if self.entries_latched:
            return "ENTRIES_LATCHED"
        return "" if self.ready else "NOT_RECONCILED"

    def exposure(self) -> dict[str, Decimal] | None:
        """Quote value by symbol of positions and of live entries as if filled; None where one has no price."""
        found: dict[str, Decimal] = {}
        for symbol in sorted(self.state.positions.keys() | self.state.live.keys()):
            quantity = ZERO
            position = self.state.positions.get(symbol)
            if position is not None:
                quantity += position.quantity
            for order in self.state.live_orders(symbol):
                if order.intent.purpose is Purpose.ENTRY:
                    quantity += order.remaining if order.is_live else order.unseen_quantity
            if not quantity:
                continue
            price = self.price(symbol)
            if price is None:
                return None
            found[symbol] = quantity * price
        return found

    def risk_view(self, intent: OrderIntent) -> RiskView:
        """What the checks look at for this order."""
        state = self.state
        while self.entry_times and self.entry_times[0] <= state.now_ms - MINUTE_MS:
            self.entry_times.popleft()
        position = state.positions.get(intent.symbol)
        own = 1 if position is not None and position.id == intent.position_id else 0
        account = state.account
        adds = intent.purpose is Purpose.ENTRY
        return RiskView(
            instrument=self.instrument(intent.symbol),
            price=self.price(intent.symbol),
            capital=self.capital(),
            cash=account.cash - self.reserved_cash() if adds and account is not None else ZERO,
            exposure=self.exposure() if adds else None,
            open_positions=len(state.positions) - own,
            orders_last_minute=len(self.entry_times),
            held=position.quantity if position is not None else ZERO,
            known_id=intent.client_order_id in state.orders,
            blocked=self.entries_blocked(),
        )

    def recall_entry_times(self) -> None:
        """After a start: the entries of the last minute count against their rate as if the process had gone on."""
        since = self.state.now_ms - MINUTE_MS
        sent = (o.submitted_ms for o in self.state.orders.values() if o.intent.purpose is Purpose.ENTRY)
        self.entry_times = deque(sorted(ms for ms in sent if ms is not None and since < ms <= self.state.now_ms))

    def capital(self) -> Decimal:
        """What the bot may trade with, in quote: the setting, or less where the account had less. Limits use it."""
        account = self.state.account
        return capital_of(account.start_capital, self.config.capital) if account is not None else ZERO

    def reserved_cash(self) -> Decimal:
        """Quote that live entries may still spend, at their limit or the last price, fee included."""
        reserved = ZERO
        for symbol in self.state.live:
            for order in self.state.live_orders(symbol):
                if order.intent.purpose is Purpose.ENTRY:
                    price = order.intent.price or self.price(symbol) or ZERO
                    reserved += order.remaining * price * (1 + self.config.taker_fee)
        return reserved


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, dict | deque) else value
