"""`run` on a replay and `backtest`, typed as a person types them: one table of the same trades."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import trading.cli
from tests.support.processes import tradebot
from trading.exit_codes import ExitCode

NAMES = ("BTCUSDT-5m", "ETHUSDT-5m", "SOLUSDT-5m")
AT_THE_END = ("shutdown", "end of data")
"""Why `run` and why `backtest` sells what is held when no candle comes any more."""


def first_rows(recorded: Path, folder: Path, count: int) -> Path:
    """The first so many candles of three recorded files."""
    folder.mkdir()
    for name in NAMES:
        with gzip.open(recorded / f"{name}.csv.gz", "rt") as file:
            lines = [line for _, line in zip(range(count + 1), file, strict=False)]
        (folder / f"{name}.csv").write_text("".join(lines))
    return folder


def told(trade: dict[str, Any], reason: str, profit: str) -> tuple[Any, ...]:
    """A finished trade, by what both commands tell of it; why and to the millisecond when, unless the candles ended."""
    has_ended = trade[reason] in AT_THE_END
    same = ("symbol", "opened_ms", "quantity", "fees", profit)
    return (*(trade[name] for name in same), *(("", 0) if has_ended else (trade[reason], trade["closed_ms"])))


@pytest.mark.recorded
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [2_000, pytest.param(10**9, marks=pytest.mark.soak)])
def test_three_recorded_files_together_end_with_the_same_trades(
    tmp_path: Path, recorded_candles: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    candles = str(first_rows(recorded_candles, tmp_path / "candles", count))
    data = ("--data-dir", str(tmp_path / "data"))

    def typed(*arguments: str) -> str:
        """What a command prints."""
        capsys.readouterr()
        assert trading.cli.main(arguments) == ExitCode.OK
        return capsys.readouterr().out

    done = tradebot("run", "--market-data", candles, "--speed", "max", "--stop-at-end", *data, cwd=tmp_path)
    assert done.returncode == ExitCode.OK, done.stderr
    status = json.loads(typed("status", "--json", *data))
    traded = json.loads(typed("history", "--json", "--limit", "100000", *data))
    simulated = json.loads(typed("backtest", candles, "--fee", "0.1", "--json"))
    assert len(traded) > 5
    assert {trade["symbol"] for trade in traded} == {"BTC/USDT", "ETH/USDT", "SOL/USDT"}
    assert sorted(told(trade, "exit_reason", "profit") for trade in traded) == sorted(
        told(trade, "reason", "net_profit") for trade in simulated["trades"]
    )
    assert status["equity"] == simulated["summary"]["final_equity"]
    for table in (typed("history", *data), typed("backtest", candles, "--fee", "0.1", "--trades", "50")):
        assert sum(line.strip().startswith("20") for line in table.splitlines()) == min(len(traded), 50)
