"""What the settings become: the engine's configuration."""

from __future__ import annotations

from decimal import Decimal

from trading.config import load_settings
from trading.live.assembly import engine_config, make_feed


def test_without_a_capital_in_the_settings_the_bot_trades_all_of_the_account() -> None:
    # Not what a new account would begin with: that of an older one may be larger.
    for environ in ({}, {"TRADING_PAPER_BALANCE": "50000"}):
        settings = load_settings(environ=environ)
        assert engine_config(settings, make_feed(settings)).capital is None
    settings = load_settings(environ={"TRADING_MAX_CAPITAL_USD": "700"})
    assert engine_config(settings, make_feed(settings)).capital == Decimal(700)
