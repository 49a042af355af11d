"""What the routes tell of a real run is what its database holds, to the digit, however it is paged and filtered."""

from __future__ import annotations

import io
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.web import run_real_bot, serving, web_app
from trading.commands.trade_csv import write_csv
from trading.commands.trades import closed_positions
from trading.domain.orders import OrderState, Purpose
from trading.monitoring.log_file import FOLDER, NAME
from trading.monitoring.logs import configure_logging, end_log, get_logger
from trading.store.queries import Queries
from trading.store.status import equity_of

ZERO = Decimal(0)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_real_bot(tmp_path_factory.mktemp("ran"), rows=1_500)


@pytest.fixture(scope="module")
def owner(ran: Path) -> Iterator[httpx.Client]:
    with serving(web_app(ran)) as served, served.owner() as client:
        yield client


@pytest.fixture(scope="module")
def queries(ran: Path) -> Iterator[Queries]:
    found = Queries.open(f"sqlite:///{ran / 'tradebot.db'}")
    yield found
    found.close()


def got(owner: httpx.Client, path: str, **params: Any) -> Any:
    answer = owner.get(f"/api/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def all_of(owner: httpx.Client, path: str, **params: Any) -> list[Any]:
    """Every item, page by page."""
    found: list[Any] = []
    offset: int | None = 0
    while offset is not None:
        page = got(owner, path, offset=offset, **params)
        assert (page["offset"], page["limit"]) == (offset, params["limit"])
        found += page["items"]
        offset = page["next_offset"]
    return found


def test_pages_hold_each_item_once_and_in_order(owner: httpx.Client, queries: Queries) -> None:
    for path, expected in (
        ("orders", [order.id for order in queries.orders(limit=10_000)]),
        ("trades", [position.id for position in queries.history(limit=10_000)]),
        ("decisions", [run.decision.id for run in queries.decisions(limit=10_000)]),
        ("corrections", [correction.id for correction in queries.booked_corrections(limit=10_000)]),
    ):
        assert len(expected) > 5
        for limit in (3, 7, 1_000):
            assert [item["id"] for item in all_of(owner, path, limit=limit)] == expected


def test_orders_are_filtered(owner: httpx.Client, queries: Queries) -> None:
    for state, purpose in itertools.product((None, OrderState.FILLED, OrderState.CANCELED), (None, Purpose.STOP)):
        found = got(owner, "orders", limit=1_000, symbol="ethusdt", **_given(state=state, purpose=purpose))["items"]
        kept = queries.orders(symbol="ETH/USDT", state=state, purpose=purpose, limit=1_000)
        assert [order["id"] for order in found] == [order.id for order in kept]
    live = got(owner, "orders", live=True)["items"]
    assert [order["id"] for order in live] == [order.id for order in queries.orders(live=True)]
    assert all(order["is_live"] for order in live)


def test_an_order_is_told_whole(owner: httpx.Client, queries: Queries) -> None:
    order = next(order for order in queries.orders(limit=1_000) if order.filled_quantity)
    told = got(owner, f"orders/{order.id}")
    assert Decimal(told["quantity"]) == order.intent.quantity
    assert Decimal(told["filled_quantity"]) == order.filled_quantity
    assert abs(Decimal(told["average_price"]) - order.filled_notional / order.filled_quantity) < Decimal("1e-8")
    assert told["created_ms"] == order.intent.created_ms
    assert datetime.fromisoformat(told["created_at"]) == datetime.fromtimestamp(order.intent.created_ms / 1000, UTC)
    assert told["created_at"].endswith("Z")


def test_a_position_brings_all_that_belongs_to_it(owner: httpx.Client, queries: Queries) -> None:
    position = queries.history(limit=1)[0]
    told = got(owner, f"positions/{position.id}")
    assert Decimal(told["trade"]["profit"]) == position.net_profit(ZERO)
    assert {order["position_id"] for order in told["orders"]} == {position.id}
    bought = sum(Decimal(fill["quantity"]) for fill in told["fills"] if fill["side"] == "buy")
    assert bought == position.bought
    assert sum(Decimal(c["quantity"]) for c in told["corrections"]) == position.adjusted
    decision = got(owner, f"decisions/{position.id}")
    assert (decision["symbol"], decision["verdict"]) == (position.symbol, "enter_long")
    assert len(decision["votes"]) >= 4
    assert owner.get("/api/v1/positions/" + "0" * 32).status_code == 404


def test_trades_by_outcome_and_time(owner: httpx.Client, queries: Queries) -> None:
    trades = all_of(owner, "trades", limit=1_000)
    for outcome, is_so in (("won", lambda p: p > 0), ("lost", lambda p: p < 0), ("even", lambda p: p == 0)):
        found = all_of(owner, "trades", limit=2, outcome=outcome)
        assert found == [trade for trade in trades if is_so(Decimal(trade["profit"]))]
    middle = trades[len(trades) // 2]
    later = got(owner, "trades", since=middle["closed_at"], limit=1_000)["items"]
    earlier = got(owner, "trades", until=middle["closed_ms"], limit=1_000)["items"]
    assert middle in later and middle not in earlier
    assert len(later) + len(earlier) == len(trades)


def test_the_export_is_that_of_the_command_line(owner: httpx.Client, queries: Queries) -> None:
    text = io.StringIO()
    write_csv(text, queries, list(closed_positions(queries, None, None, None))[::-1])
    assert owner.get("/api/v1/trades.csv").text == text.getvalue()


def test_the_money_of_the_overview_adds_up(owner: httpx.Client, queries: Queries) -> None:
    status, money = queries.status(), got(owner, "status")["money"]
    exact = {name: Decimal(value) for name, value in money.items() if name != "quote"}
    assert exact["equity"] == equity_of(status) == exact["cash"] + exact["exposure"]
    assert exact["profit"] == exact["equity"] - exact["start_capital"]
    trades = all_of(owner, "trades", limit=1_000)
    assert exact["realised"] == sum(Decimal(trade["profit"]) for trade in trades)
    open_profit = sum(Decimal(position["profit"]) for position in got(owner, "positions"))
    assert exact["profit"] == exact["realised"] + open_profit
    midnight = max(known.last_close_ms for known in status.symbols) // 86_400_000 * 86_400_000
    before = queries.equity(until_ms=midnight + 1, limit=1)[-1]
    assert exact["profit_today"] == exact["equity"] - before.equity


def test_equity_is_thinned_to_the_last_point_of_each_step(owner: httpx.Client, queries: Queries) -> None:
    full = queries.equity(limit=100_000)
    for points in (2, 10, 100, 5_000):
        told = got(owner, "equity", points=points)
        items = told["items"]
        assert len(items) <= points + 1
        assert items[-1]["time_ms"] == full[-1].time_ms
        assert Decimal(items[-1]["equity"]) == full[-1].equity
        steps = [item["time_ms"] // told["step_ms"] for item in items]
        assert steps == sorted(set(steps))
    some = got(owner, "equity", since=full[10].time_ms, until=full[20].time_ms, points=5_000)["items"]
    assert [item["time_ms"] for item in some] == [point.time_ms for point in full[10:20]]


def test_candles_are_the_newest_oldest_first(owner: httpx.Client, queries: Queries) -> None:
    told = got(owner, "candles", symbol="BTC-USDT", limit=5)
    kept = queries.candles("BTC/USDT", 300_000, limit=5)
    assert (told["symbol"], told["timeframe"]) == ("BTC/USDT", "5m")
    assert [(c["time_ms"], Decimal(c["close"])) for c in told["items"]] == [(c.open_time_ms, c.close) for c in kept]
    assert got(owner, "candles", symbol="BTC/USDT", timeframe="1h")["items"] == []
    assert owner.get("/api/v1/candles", params={"symbol": "BTC/USDT", "timeframe": "7m"}).status_code == 422
    assert owner.get("/api/v1/candles").status_code == 422


def test_events_are_followed_by_their_numbers(owner: httpx.Client, queries: Queries) -> None:
    first, last = queries.event_range()
    after, seen = 0, []
    while page := got(owner, "events", after=after, limit=17)["items"]:
        seen += [event["seq"] for event in page]
        after = page[-1]["seq"]
    assert seen == list(range(first, last + 1))
    assert got(owner, "events", after=last)["next_after"] == last
    filled = got(owner, "events", type="OrderFilled", limit=1_000)["items"]
    assert len(filled) == len(queries.fills(limit=1_000))
    assert filled[0]["data"]["type"] == "OrderFilled"


def test_decisions_are_filtered(owner: httpx.Client) -> None:
    runs = all_of(owner, "decisions", limit=1_000)
    vetoed = all_of(owner, "decisions", limit=1_000, vetoed=True)
    assert vetoed == [run for run in runs if run["veto"]]
    entered = all_of(owner, "decisions", limit=1_000, verdict="enter_long", vetoed=False, symbol="BTC/USDT")
    assert entered == [
        run for run in runs if run["verdict"] == "enter_long" and not run["veto"] and run["symbol"] == "BTC/USDT"
    ]


def test_limits_say_how_near_they_are(owner: httpx.Client, queries: Queries) -> None:
    gauges = {gauge["code"]: gauge for gauge in got(owner, "safety/limits")}
    held = sum(1 for position in queries.positions() if position.bought)
    assert (gauges["LIMIT_OPEN_POSITIONS"]["value"], gauges["LIMIT_OPEN_POSITIONS"]["limit"]) == (str(held), "3")
    money = got(owner, "status")["money"]
    assert Decimal(gauges["LIMIT_GROSS_EXPOSURE"]["value"]) == Decimal(money["exposure"])
    peak = queries.status().breaker.total_peak
    assert peak >= max(point.equity for point in queries.equity(limit=100_000))
    fallen = (peak - Decimal(money["equity"])) / peak * 100
    assert abs(Decimal(gauges["DRAWDOWN_TOTAL"]["value"]) - fallen) < Decimal("1e-8")
    for gauge in gauges.values():
        assert abs(Decimal(gauge["used_pct"]) - Decimal(gauge["value"]) / Decimal(gauge["limit"]) * 100) < 1


def test_the_log_is_shown_newest_lines_oldest_first(ran: Path, owner: httpx.Client) -> None:
    configure_logging("DEBUG", file=ran / FOLDER / NAME)
    log = get_logger("test")
    for number in range(5):
        log.info("order.filled", number=number, symbol="BTC/USDT")
    log.error("exchange.lost", reason="<b>no answer</b>", api_key="not to be shown")
    end_log()
    configure_logging()
    lines = got(owner, "logs", limit=3)["items"]
    assert [line["event"] for line in lines] == ["order.filled", "order.filled", "exchange.lost"]
    assert lines[0]["fields"] == {"number": 3, "symbol": "BTC/USDT"}
    assert lines[2]["fields"]["api_key"] == "********"
    assert [line["event"] for line in got(owner, "logs", level="warning")["items"]] == ["exchange.lost"]
    assert len(got(owner, "logs", search="btc/usdt")["items"]) == 5


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def test_an_ended_order_whose_trades_are_not_shown_is_in_doubt_and_can_only_be_ignored(tmp_path: Path) -> None:
    folder = run_real_bot(tmp_path)
    with closing(sqlite3.connect(folder / "tradebot.db")) as database, database:
        (order_id,) = database.execute("SELECT client_order_id FROM orders WHERE purpose = 'entry' LIMIT 1").fetchone()
        set_unseen = "SET state = 'canceled', settled = 0, reported_filled = '1000000' WHERE client_order_id = ?"
        database.execute("UPDATE orders " + set_unseen, (order_id,))
    with serving(web_app(folder)) as served, served.owner() as client:
        shown = client.get(f"/api/v1/orders/{order_id}").json()
        assert (shown["state"], shown["is_in_doubt"]) == ("canceled", True)
        answers = [
            client.post(f"/api/v1/orders/{order_id}/resolve", json={"choice": choice}).json()["code"]
            for choice in ("adopt", "close", "ignore")
        ]
    assert answers == ["NOTHING_TO_BOOK", "NOTHING_TO_BOOK", "BOT_NOT_RUNNING"], "no bot runs that could be told"
