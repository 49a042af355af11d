"""What the overview says: the bot's state in words, its money, and what it waits for."""

from __future__ import annotations

from decimal import Decimal

from trading import __version__
from trading.commands.output import duration, rounded
from trading.domain.instruments import ZERO
from trading.domain.orders import OrderState
from trading.market.timeframes import timeframe_of
from trading.safety.breaker import day_of
from trading.store.batch import EquityPoint
from trading.store.lock import Holder
from trading.store.queries import Queries, Status
from trading.store.status import equity_of, liveness
from trading.web.models.base import maybe_moment, moment
from trading.web.models.status import BotView, MoneyView, StatusView, SymbolView
from trading.web.models.trading import open_risk

SYMBOLS_NAMED = 5


def status_view(queries: Queries, holder: Holder | None, now_ms: int, *, kill_file: bool) -> StatusView:
    """The overview.

    Args:
        holder: the bot's process, None where none runs.
        now_ms: the wall clock, UTC ms.
        kill_file: whether the file that sets the kill switch is there.
    """
    status = queries.status()
    facts = status.facts
    market_ms = market_time(status)
    stopped = entries_stopped_by(status, kill_file=kill_file)
    return StatusView(
        timestamp=moment(now_ms),
        mode=_mode(status),
        real_money=bool(facts and facts.real_money),
        provider=facts.provider if facts else None,
        market=facts.market if facts else None,
        is_demo=bool(facts and facts.is_demo),
        timeframe=_timeframe(status),
        bot_id=status.bot_id,
        bot=bot_view(status, holder, now_ms),
        waiting_for=waiting_for(status, holder, now_ms, stopped),
        entries_allowed=not stopped,
        entries_stopped_by=stopped,
        money=money_view(status, _equity_at_midnight(queries, market_ms)),
        positions=sum(1 for position in status.positions if position.bought),
        max_positions=facts.max_open_positions if facts else None,
        live_orders=len(status.live_orders),
        orders_in_doubt=_in_doubt(status),
        market_time=maybe_moment(market_ms),
        symbols=[
            SymbolView(
                symbol=known.symbol,
                price=known.price,
                last_close_at=moment(known.last_close_ms),
                last_close_ms=known.last_close_ms,
            )
            for known in status.symbols
        ],
        dashboard_version=__version__,
        notes=list(facts.notes) if facts else [],
    )


def market_time(status: Status) -> int | None:
    """The close of the last candle, UTC ms; None before the first."""
    return max((known.last_close_ms for known in status.symbols), default=None)


def bot_view(status: Status, holder: Holder | None, now_ms: int) -> BotView:
    """The bot's process."""
    process = status.process
    state = "never_started" if process is None and holder is None else liveness(status, holder, now_ms)
    return BotView(
        state=state.replace(" ", "_"),
        phase=process.state if process and holder else None,
        pid=holder.pid if holder else None,
        host=holder.host if holder else None,
        version=process.version if process else None,
        started_at=maybe_moment(process.started_ms if process else None),
        heartbeat_at=maybe_moment(process.beat_ms if process else None),
        heartbeat_age_s=max(0, now_ms - process.beat_ms) / 1000 if process else None,
    )


def entries_stopped_by(status: Status, *, kill_file: bool) -> list[str]:
    """What stands against opening positions, each with its reason."""
    found = [f"kill switch, by {status.kill.by}: {status.kill.reason}"] if status.kill.active else []
    found += ["kill switch, by a file in the bot's data folder"] if kill_file and not status.kill.active else []
    found += [f"halted: {status.safety.halted}"] if status.safety.halted else []
    return found + ([f"paused: {status.safety.paused}"] if status.safety.paused else [])


def waiting_for(status: Status, holder: Holder | None, now_ms: int, stopped: list[str]) -> str:
    """What has to happen next, in one sentence."""
    process = status.process
    if process is None and holder is None:
        return "the first start of a bot: `tradebot run`"
    if holder is None:
        seen = duration(now_ms - process.beat_ms) if process else ""
        return f"somebody to start the bot (`tradebot run`); it was last seen {seen} ago"
    if process is None or liveness(status, holder, now_ms) == "not responding":
        return "a sign of life from the bot's loop; its watchdog ends a process that stands still"
    if process.state in ("starting", "recovering"):
        return "the exchange's word on account and orders, before anything is traded"
    if process.state == "stopping":
        return "the end of the bot: positions and orders are being brought to where they may stay"
    if stopped:
        return f"a person, before anything is opened ({stopped[0]})"
    in_doubt = _in_doubt(status)
    if in_doubt:
        return f"the exchange's word on {in_doubt} {'order' if in_doubt == 1 else 'orders'} in doubt"
    if process.state == "idle":
        return "nothing: the recording has ended, and the bot stays up until it is stopped"
    symbols = status.facts.symbols if status.facts else ()
    named = ", ".join(symbols[:SYMBOLS_NAMED])
    more = f" and {len(symbols) - SYMBOLS_NAMED} more" if len(symbols) > SYMBOLS_NAMED else ""
    return f"the next {_timeframe(status) or ''} candles of {named}{more}".replace("  ", " ")


def money_view(status: Status, at_midnight: EquityPoint | None) -> MoneyView | None:
    """The account at the last prices; None before the bot's first look at it."""
    account, equity = status.account, equity_of(status)
    if account is None or equity is None:
        return None
    paid_in = account.start_capital + account.deposits
    profit = equity - paid_in
    today = None if at_midnight is None else equity - at_midnight.equity
    prices = {known.symbol: known.price for known in status.symbols}
    risks = [open_risk(position, prices.get(position.symbol)) for position in status.positions]
    return MoneyView(
        quote=account.quote,
        equity=equity,
        cash=account.cash,
        exposure=equity - account.cash + account.outside_fees,
        start_capital=account.start_capital,
        deposits=account.deposits,
        profit=profit,
        profit_pct=_percent(profit, paid_in),
        profit_today=today,
        profit_today_pct=None if today is None or at_midnight is None else _percent(today, at_midnight.equity),
        realised=account.closed_profit - account.closed_fees - account.closed_funding,
        fees=account.closed_fees + sum((position.fees for position in status.positions), ZERO),
        open_risk=None if None in risks else sum((risk for risk in risks if risk is not None), ZERO),
    )


def _equity_at_midnight(queries: Queries, market_ms: int | None) -> EquityPoint | None:
    """The last point at or before the market's UTC midnight, or the first one of a bot that is younger."""
    if market_ms is None:
        return None
    midnight = day_of(market_ms)
    before = queries.equity(until_ms=midnight + 1, limit=1)
    return before[-1] if before else queries.first_equity()


def _mode(status: Status) -> str:
    facts = status.facts
    if facts is None or facts.provider == "paper":
        return "paper"
    return "live" if facts.real_money else "testnet"


def _timeframe(status: Status) -> str | None:
    return timeframe_of(status.facts.interval_ms) if status.facts and status.facts.interval_ms else None


def _in_doubt(status: Status) -> int:
    return sum(1 for order in status.live_orders if order.state is OrderState.UNKNOWN)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return rounded(part / whole * 100) if whole else ZERO
