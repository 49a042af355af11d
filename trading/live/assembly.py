"""Puts a bot together from its settings."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from trading import __version__
from trading.clock import wall_ms
from trading.config import DEMO_SYMBOLS, DEMO_TIMEFRAME, Settings
from trading.decision.params import StrategyParams
from trading.decision.rolling import RollingSignals
from trading.engine.config import EngineConfig, Timing
from trading.exchange.instruments import default_instruments
from trading.exchange.paper import PaperBook, PaperExchange
from trading.live.health_port import HealthPort
from trading.manager import TradingManager
from trading.market.candle_files import load_candles
from trading.market.feed import DemoFeed, Feed, ReplayFeed
from trading.monitoring.alerts.assembly import make_sender
from trading.monitoring.alerts.outbox import Outbox
from trading.monitoring.health import HealthLimits
from trading.store.bot_lock import AnyBotLock, bot_lock
from trading.store.facts import BotFacts, SettingFact
from trading.store.journal import Journal
from trading.store.latch import KILL_FILE
from trading.store.lock import FolderLock

log = structlog.get_logger(__name__)

BOT_ID = "tradebot"
PAPER_FILE = "paper-exchange.db"
STATE_FILE = "state.json"
JOURNAL_BUSY_MS = 2_000


@dataclass(frozen=True)
class Bot:
    """A bot ready to run, its port, not yet open, and the locks that make it the only one on database and folder."""

    manager: TradingManager
    lock: AnyBotLock
    folder_lock: FolderLock
    feed: Feed
    port: HealthPort

    def release(self) -> None:
        """Let go of the locks: the last thing of all."""
        self.folder_lock.release()
        self.lock.release()


def make_feed(settings: Settings) -> Feed:
    """The feed that the settings name.

    Raises:
        InvalidInput: a recording that cannot be used, candles from the future in it, or not all that the settings ask.
    """
    if settings.is_demo:
        symbols = settings.symbols or DEMO_SYMBOLS
        return DemoFeed(symbols, settings.timeframe or DEMO_TIMEFRAME, settings.seed, float(settings.demo_speed))
    tables = load_candles(
        Path(settings.market_data), symbols=settings.symbols, interval_ms=settings.interval_ms, now_ms=wall_ms()
    )
    for table in tables:
        gaps = table.gaps()
        if gaps:
            missing, first = sum(gap.missing for gap in gaps), min(gap.after_ms for gap in gaps)
            log.warning("feed.gaps", symbol=table.symbol, gaps=len(gaps), candles_missing=missing, first_after_ms=first)
    return ReplayFeed(tables, float(settings.replay_speed))


def engine_config(settings: Settings, feed: Feed) -> EngineConfig:
    """The engine's configuration for this feed's symbols."""
    costs = settings.paper_costs()
    return EngineConfig(
        bot_id=BOT_ID,
        instruments=default_instruments(feed.symbols, feed.price_decimals),
        capital=settings.max_capital_usd,
        params=StrategyParams(),
        limits=settings.limits(),
        breaker=settings.breaker_limits(),
        timing=Timing(reconcile_ms=0),
        taker_fee=costs.taker_fee,
    )


def bot_facts(settings: Settings, feed: Feed, config: EngineConfig) -> BotFacts:
    """What the dashboard tells of a bot with these settings."""
    return BotFacts(
        recorded_ms=wall_ms(),
        version=__version__,
        provider=settings.provider,
        testnet=settings.testnet,
        real_money=settings.is_real_money,
        market=feed.label,
        is_demo=settings.is_demo,
        symbols=tuple(feed.symbols),
        interval_ms=feed.interval_ms,
        max_open_positions=settings.max_open_positions,
        capital=config.capital,
        limits=config.limits,
        breaker_limits=config.breaker,
        settings=tuple(SettingFact(**asdict(line)) for line in settings.describe()),
        notes=settings.notes,
    )


def make_bot(settings: Settings, *, stop_at_end: bool = False) -> Bot:
    """A bot on the paper exchange, its database locked and open.

    Raises:
        TradingError: what cannot be used, and why; nothing is left open.
    """
    feed = make_feed(settings)
    config = engine_config(settings, feed)
    data_dir = settings.data_dir
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = bot_lock(settings.database).acquire()
    with ExitStack() as undo:
        undo.callback(lock.release)
        folder_lock = FolderLock(data_dir).acquire()
        undo.callback(folder_lock.release)
        journal = Journal.open(settings.database, config.bot_id, busy_timeout_ms=JOURNAL_BUSY_MS, lock=lock)
        undo.callback(journal.close)
        book = PaperBook(
            data_dir / PAPER_FILE, config.instruments, {config.quote: settings.paper_balance}, settings.paper_costs()
        )
        undo.callback(book.close)
        sender = make_sender(settings, lambda: journal.engine)
        if sender is not None:
            sender.register()
        manager = TradingManager(
            config=config,
            exchange=PaperExchange(book),
            feed=feed,
            journal=journal,
            signals=RollingSignals(config.params, feed.interval_ms),
            state_file=data_dir / STATE_FILE,
            kill_file=data_dir / KILL_FILE,
            policy=settings.shutdown_policy,
            stop_at_end=stop_at_end,
            alerts=Outbox(journal.engine, sender),
            facts=bot_facts(settings, feed, config),
            health=HealthLimits(disk_free_min=settings.disk_free_min),
        )
        undo.pop_all()
    port = HealthPort(manager.reporter, manager.metrics, settings.health_host, settings.health_port)
    return Bot(manager, lock, folder_lock, feed, port)
