"""What the safety checks cost an order, and how long a person waits for `tradebot status`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from benchmarks.live_path import bot
from benchmarks.markets import demo
from benchmarks.processes import ROOT
from benchmarks.rows import Row, fastest
from trading.domain.orders import OrderIntent, OrderType, Purpose, Side
from trading.market.demo import demo_instrument
from trading.safety.approval import RiskCheck
from trading.safety.checks import Limits, Refusal, RiskView, entry_checks

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


def checks(orders: int = 20_000) -> list[Row]:
    """An entry that passes every check, next to two other positions; the same call without any check beside it."""
    view = RiskView(
        instrument=demo_instrument(SYMBOLS[0]),
        price=Decimal(70_000),
        capital=Decimal(10_000),
        cash=Decimal(8_000),
        exposure={symbol: Decimal(900) for symbol in SYMBOLS[1:]},
        open_positions=2,
        orders_last_minute=2,
        held=Decimal(0),
        known_id=False,
    )
    intent = OrderIntent(
        client_order_id="0" * 32,
        position_id="1" * 32,
        symbol=SYMBOLS[0],
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=Decimal("0.01"),
        purpose=Purpose.ENTRY,
        created_ms=0,
    )

    def cost(risk: RiskCheck) -> float:
        if isinstance(refusal := risk.approve(intent, view), Refusal):
            raise AssertionError(f"the order was refused: {refusal.message}")

        def approve() -> None:
            for _ in range(orders):
                risk.approve(intent, view)

        return fastest(approve)[0] / orders * 1e6

    every, none = cost(RiskCheck(Limits())), cost(RiskCheck(Limits(), ()))
    beside = f"{len(entry_checks(Limits()))} checks; {none:.2f} µs with none"
    return [Row("all checks of an order", every, "µs", beside=beside, goal="≤ 20 µs", met=every <= 20)]


def status(candles: int, times: int = 5) -> list[Row]:
    """The command in a process of its own, on the database of a bot that has traded; a bare interpreter beside it."""
    with tempfile.TemporaryDirectory() as name:
        manager, _ = bot(Path(name), demo(3, candles))
        asyncio.run(manager.run())
        (Path(name) / "bench.db").rename(Path(name) / "tradebot.db")
        took = _wall([sys.executable, "-m", "trading.cli", "status", "--data-dir", name], times)
    bare = _wall([sys.executable, "-c", "pass"], times)
    beside = f"after {candles:,} candles of 3 symbols; Python alone {bare:.2f} s"
    return [Row("`tradebot status`", took, "s", beside=beside, goal="≤ 0.5 s", met=took <= 0.5)]


def _wall(command: list[str], times: int) -> float:
    """Seconds until it has ended, the shortest of several."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        best = min(best, time.perf_counter() - began)
    return best
