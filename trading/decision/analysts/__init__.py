"""The analysts: each a pure function of the features, with an opinion on every bar and its reasons."""

from __future__ import annotations

from trading.decision.analysts.advocates import BearAnalyst, BullAnalyst
from trading.decision.analysts.base import Analyst, Scores
from trading.decision.analysts.mean_reversion import MeanReversionAnalyst
from trading.decision.analysts.momentum import MomentumAnalyst
from trading.decision.analysts.trend import TrendAnalyst
from trading.decision.analysts.volume import VolumeAnalyst

__all__ = [
    "Analyst",
    "BearAnalyst",
    "BullAnalyst",
    "MeanReversionAnalyst",
    "MomentumAnalyst",
    "Scores",
    "TrendAnalyst",
    "VolumeAnalyst",
    "default_analysts",
]


def default_analysts() -> tuple[Analyst, ...]:
    """Those who vote unless told otherwise, in the order in which their votes are listed and added up."""
    return (
        TrendAnalyst(),
        MeanReversionAnalyst(),
        MomentumAnalyst(),
        VolumeAnalyst(),
        BullAnalyst(),
        BearAnalyst(),
    )
