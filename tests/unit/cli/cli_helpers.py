"""A bot's database as the command line finds it, and the ways to call the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from tests.support.processes import PYTHONPATH, START_MS
from trading.domain.orders import Order, OrderIntent, OrderState, OrderType, Purpose, Side
from trading.domain.positions import Account, Position, PositionSide
from trading.engine.state import SymbolState
from trading.market.candle_csv import HEADER
from trading.store.batch import Batch, EquityPoint
from trading.store.journal import Journal

HOUR_MS = 3_600_000


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'tradebot.db'}"


def account(**changes: Decimal | int) -> Account:
    fields = {"start_capital": Decimal(10_000), "cash": Decimal("8996.5"), **changes}
    return Account(quote="USDT", **fields)  # type: ignore[arg-type]


def open_position(symbol: str = "BTC/USDT", **changes: object) -> Position:
    fields: dict[str, object] = {
        "id": f"{symbol:0<32}",
        "symbol": symbol,
        "side": PositionSide.LONG,
        "opened_ms": START_MS,
        "decision_price": Decimal(100),
        "bought": Decimal("10"),
        "cost": Decimal("1000"),
        "fees": Decimal("1"),
        "stop_price": Decimal("95.50"),
        "target_price": Decimal(120),
        **changes,
    }
    return Position(**fields)  # type: ignore[arg-type]


def closed_position(number: int, symbol: str = "BTC/USDT", profit: str = "10") -> Position:
    """A trade of 1000 closed `number` hours after the start, with this profit before 2 of fees."""
    return open_position(
        symbol,
        id=f"{number:032x}",
        sold=Decimal(10),
        proceeds=Decimal(1000) + Decimal(profit),
        fees=Decimal(2),
        closed_ms=START_MS + number * HOUR_MS,
        exit_reason="target",
    )


def stop_order(position: Position) -> Order:
    intent = OrderIntent(
        client_order_id="5" * 32,
        position_id=position.id,
        symbol=position.symbol,
        side=Side.SELL,
        type=OrderType.STOP_MARKET,
        quantity=position.bought,
        purpose=Purpose.STOP,
        created_ms=START_MS,
        stop_price=position.stop_price,
        reduces=True,
    )
    return Order(intent=intent, state=OrderState.OPEN, updated_ms=START_MS)


def symbol_state(symbol: str = "BTC/USDT", price: str = "110.00") -> SymbolState:
    return SymbolState(symbol=symbol, last_close_ms=START_MS + HOUR_MS, price=Decimal(price))


def fill_database(folder: Path, *records: object) -> None:
    """A database that a bot has written these records into, and left."""
    journal = Journal.open(url_of(folder), "tradebot")
    point = EquityPoint(time_ms=START_MS, equity=Decimal("10096.5"), cash=Decimal("8996.5"), exposure=Decimal(1100))
    journal.commit(Batch(time_ms=START_MS, changes=tuple(records), equity=(point,)))  # type: ignore[arg-type]
    journal.close()


def candle_file(folder: Path, name: str = "BTCUSDT-5m.csv", rows: int = 900, base: float = 100.0) -> Path:
    """Candles that rise and fall by turns, one every five minutes."""
    lines = [HEADER]
    price = base
    for i in range(rows):
        step = 0.002 if i // 60 % 2 == 0 else -0.0015
        close = round(price * (1 + step), 2)
        high, low = max(price, close) * 1.001, min(price, close) * 0.999
        lines.append(f"{START_MS + i * 300_000},{price:.2f},{high:.2f},{low:.2f},{close:.2f},5000.0")
        price = close
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without settings of ours."""
    ours = ("TRADING_", "DATA_DIR", "DATABASE_URL", "LOG_", "KILL_SWITCH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": PYTHONPATH, **changes}


def tradebot(*arguments: str, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "trading.cli", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(**changes),
        timeout=100,
    )
