"""Whatever an exchange answers, and however fast, the engine asks it a bounded number of things in any one instant."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import D
from tests.support.examples import share
from tests.support.rig import Rig
from trading.domain.actions import Action, CancelOrder, FetchAccount, QueryOrder, SubmitOrder
from trading.domain.events import (
    AccountSnapshot,
    CancelRejected,
    CancelUnknown,
    CommandKind,
    Event,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderFound,
    OrderRejected,
    OrderUnknown,
    QueryFailed,
)
from trading.domain.orders import Order, OrderState, Purpose
from trading.domain.positions import Balance

ROUNDS_MAX = 40
Answers = list[Event]


class Stubborn:
    """An exchange that answers each kind of request in one way, always and at once."""

    def __init__(self, rig: Rig, random: Random) -> None:
        self._rig = rig
        self._on_submit = {purpose: random.choice(SUBMISSIONS) for purpose in Purpose}
        self._on_cancel = random.choice(CANCELS)
        self._on_query = random.choice(QUERIES)
        self._free = random.choice(("all", "half", "none", "no answer"))
        self._shows_orders = random.random() < 0.5

    def answer(self, action: Action) -> Answers:
        rig = self._rig
        match action:
            case SubmitOrder(order=approved):
                return self._on_submit[approved.value.purpose](rig, rig.order(approved.value.client_order_id))
            case CancelOrder(client_order_id=order_id):
                return self._on_cancel(rig, rig.order(order_id))
            case QueryOrder(client_order_id=order_id):
                return self._on_query(rig, rig.order(order_id))
            case FetchAccount(token=token):
                return [self._account(token)]
        return []

    def _account(self, token: int) -> Event:
        rig = self._rig
        if self._free == "no answer":
            return QueryFailed(time_ms=rig.now, subject="account", message="time-out")
        held = D(0) if rig.is_flat else rig.position.quantity
        free = {"all": held, "half": held / 2, "none": D(0)}[self._free]
        reports = []
        if self._shows_orders:
            live = rig.engine.state.all_live_orders()
            reports = [rig.report(order.id, order.state, str(order.reported_filled)) for order in live]
        balances = {"USDT": Balance(D(9_000)), "BTC": Balance(free, held - free)}
        return AccountSnapshot(time_ms=rig.now, token=token, balances=balances, orders=tuple(reports))


def accepted(rig: Rig, order: Order) -> Answers:
    return [OrderAccepted(time_ms=rig.now, client_order_id=order.id, exchange_order_id="x")]


def rejected(rig: Rig, order: Order) -> Answers:
    return [OrderRejected(time_ms=rig.now, client_order_id=order.id, code="-2010", message="no")]


def unknown(rig: Rig, order: Order) -> Answers:
    return [OrderUnknown(time_ms=rig.now, client_order_id=order.id, message="time-out")]


def expired(rig: Rig, order: Order) -> Answers:
    """Taken, and ended at once without a fill."""
    return [*accepted(rig, order), _ended(rig, order, order.filled_quantity, expired=True)]


def filled_in_part(rig: Rig, order: Order) -> Answers:
    """Half of it, and the rest ended."""
    part = order.intent.quantity / 2
    fill = rig.a_fill(order.id, str(part), "100")
    return [OrderFilled(time_ms=rig.now, fill=fill), _ended(rig, order, part, expired=True)]


def canceled(rig: Rig, order: Order) -> Answers:
    return [_ended(rig, order, order.filled_quantity)]


def canceled_with_fills_unseen(rig: Rig, order: Order) -> Answers:
    return [_ended(rig, order, order.intent.quantity)]


def cancel_refused(rig: Rig, order: Order) -> Answers:
    return [CancelRejected(time_ms=rig.now, client_order_id=order.id, code="-2011", message="unknown")]


def cancel_lost(rig: Rig, order: Order) -> Answers:
    return [CancelUnknown(time_ms=rig.now, client_order_id=order.id, message="time-out")]


def shown_open(rig: Rig, order: Order) -> Answers:
    return [OrderFound(time_ms=rig.now, report=rig.report(order.id, OrderState.OPEN))]


def shown_canceled(rig: Rig, order: Order) -> Answers:
    return [OrderFound(time_ms=rig.now, report=rig.report(order.id, OrderState.CANCELED))]


def shown_filled_without_trades(rig: Rig, order: Order) -> Answers:
    report = rig.report(order.id, OrderState.FILLED, str(order.intent.quantity))
    return [OrderFound(time_ms=rig.now, report=report)]


def shown_absent(rig: Rig, order: Order) -> Answers:
    return [OrderAbsent(time_ms=rig.now, client_order_id=order.id, conclusive=True)]


def no_answer(rig: Rig, order: Order) -> Answers:
    return [QueryFailed(time_ms=rig.now, subject=order.id, message="time-out")]


def nothing(rig: Rig, order: Order) -> Answers:
    return []


def _ended(rig: Rig, order: Order, filled: Decimal, *, expired: bool = False) -> Event:
    return OrderCanceled(time_ms=rig.now, client_order_id=order.id, filled_quantity=filled, expired=expired)


Answerer = Callable[[Rig, Order], Answers]
SUBMISSIONS: list[Answerer] = [accepted, rejected, unknown, expired, filled_in_part, nothing]
CANCELS: list[Answerer] = [canceled, cancel_refused, cancel_lost, canceled_with_fills_unseen, nothing]
QUERIES: list[Answerer] = [shown_open, shown_canceled, shown_filled_without_trades, shown_absent, no_answer, nothing]


def settle(rig: Rig, exchange: Stubborn) -> int:
    """Answer until nothing more is asked; how many rounds that took."""
    rounds = 0
    actions = rig.actions
    while actions:
        rounds += 1
        assert rounds <= ROUNDS_MAX, f"no rest: {actions}"
        events = [event for action in actions for event in exchange.answer(action)]
        actions = [action for event in events for action in rig.send(event)]
    return rounds


@share(2)
@given(seed=st.integers(0, 2**32))
def test_every_instant_comes_to_rest(seed: int) -> None:
    random = Random(seed)
    rig = Rig.holding()
    exchange = Stubborn(rig, random)
    trouble: list[Callable[[], object]] = [
        lambda: rig.command(CommandKind.CLOSE_ALL),
        lambda: rig.command(CommandKind.KILL, "flatten"),
        lambda: rig.candle("104", high="105"),
        lambda: rig.candle("110", high="112"),
        lambda: rig.candle("90", low="85"),
    ]
    random.choice(trouble)()
    settle(rig, exchange)
    for _ in range(40):
        if rig.is_flat:
            break
        if random.random() < 0.1:
            random.choice(trouble)()
        else:
            rig.tick(random.choice((500, 2_000, 5_001)))
        settle(rig, exchange)
