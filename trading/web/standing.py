"""What the overview says: the bot's state in words, its money, and what it waits for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from trading import __version__
from trading.commands.output import rounded
from trading.domain.instruments import ZERO
from trading.domain.orders import OrderState
from trading.market.timeframes import timeframe_of
from trading.monitoring.overview import entries_stopped_by, money_of, waiting_for, with_kill_file
from trading.safety.breaker import day_of
from trading.store.batch import EquityPoint
from trading.store.lock import Holder
from trading.store.queries import Queries, Status
from trading.store.status import liveness
from trading.web.models.base import maybe_moment, moment
from trading.web.models.status import BotView, MoneyView, StatusView, SymbolView
from trading.web.models.trading import open_risk


def status_view(queries: Queries, holder: Holder | None, now_ms: int, data_dir: Path) -> StatusView:
    """The overview.

    Args:
        holder: the bot's process, None where none runs.
        now_ms: the wall clock, UTC ms.
        data_dir: where a file can set the kill switch.
    """
    status = with_kill_file(queries.status(), data_dir)
    facts = status.facts
    market_ms = market_time(status)
    stopped = entries_stopped_by(status)
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
        waiting_for=waiting_for(status, is_running=holder is not None, now_ms=now_ms),
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


def money_view(status: Status, at_midnight: EquityPoint | None) -> MoneyView | None:
    """The account at the last prices; None before the bot's first look at it."""
    account, money = status.account, money_of(status)
    if account is None or money is None:
        return None
    today = None if at_midnight is None else money.equity - at_midnight.equity
    prices = {known.symbol: known.price for known in status.symbols}
    risks = [open_risk(position, prices.get(position.symbol)) for position in status.positions]
    return MoneyView(
        quote=money.quote,
        equity=money.equity,
        cash=money.cash,
        exposure=money.exposure,
        start_capital=account.start_capital,
        deposits=account.deposits,
        profit=money.profit,
        profit_pct=ZERO if money.profit_pct is None else rounded(money.profit_pct),
        profit_today=today,
        profit_today_pct=None if today is None or at_midnight is None else _percent(today, at_midnight.equity),
        realised=money.realised,
        fees=money.fees,
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
