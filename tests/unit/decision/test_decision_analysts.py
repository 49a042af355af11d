"""Analysts and regimes against a naive reference, written separately, from candles to scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.unit.decision import decision_reference as reference
from tests.unit.decision.decision_samples import KINDS, market, recorded
from tests.unit.decision.test_decision_features import rows_of
from trading.decision.analysts import Analyst, default_analysts
from trading.decision.bars import WARMUP_CANDLES, Bars
from trading.decision.features import FeatureMatrix, compute_features
from trading.decision.regime import REGIMES, detect_regimes

ANALYSTS = {analyst.name: analyst for analyst in default_analysts()}


def samples() -> Iterator[tuple[FeatureMatrix, dict[str, float]]]:
    for kind in ("calm", "trending", "gaps"):
        yield from windows(market(kind, 21, 3000), range(700, 3000, 61))


def windows(bars: Bars, ends: range) -> Iterator[tuple[FeatureMatrix, dict[str, float]]]:
    for end in ends:
        window = bars.between(end - WARMUP_CANDLES - 10, end)
        yield compute_features(window, 1), reference.features(rows_of(window))


@pytest.fixture(scope="module")
def made_up() -> list[tuple[FeatureMatrix, dict[str, float]]]:
    return list(samples())


@pytest.fixture(scope="module")
def real(recorded_candles: Path) -> list[tuple[FeatureMatrix, dict[str, float]]]:
    found: list[tuple[FeatureMatrix, dict[str, float]]] = []
    for name in ("ETHUSDT-5m", "ADAUSDT-1m"):
        found.extend(windows(recorded(recorded_candles, name), range(600, 25_000, 397)))
    return found


def assert_like_reference(name: str, pairs: list[tuple[FeatureMatrix, dict[str, float]]]) -> None:
    told = set()
    for features, naive in pairs:
        scores = ANALYSTS[name].score(features)
        score, confidence = reference.ANALYSTS[name](naive)
        assert scores.score[0] == pytest.approx(score, abs=1e-6)
        assert scores.confidence[0] == pytest.approx(confidence, abs=1e-6)
        told.add((score > 0.05, score < -0.05, confidence > 0.2))
    assert len(told) >= 3, "the samples should bring out several opinions"


def test_the_reference_knows_every_analyst() -> None:
    assert list(ANALYSTS) == list(reference.ANALYSTS)


@pytest.mark.parametrize("name", list(reference.ANALYSTS))
def test_analyst_scores_like_the_naive_reference_on_made_up_candles(
    name: str, made_up: list[tuple[FeatureMatrix, dict[str, float]]]
) -> None:
    assert_like_reference(name, made_up)


@pytest.mark.recorded
@pytest.mark.parametrize("name", list(reference.ANALYSTS))
def test_analyst_scores_like_the_naive_reference_on_recorded_candles(
    name: str, real: list[tuple[FeatureMatrix, dict[str, float]]]
) -> None:
    assert_like_reference(name, real)


def test_regimes_are_those_of_the_naive_reference(made_up: list[tuple[FeatureMatrix, dict[str, float]]]) -> None:
    seen = set()
    for features, naive in made_up:
        found = REGIMES[detect_regimes(features)[0]]
        assert found == reference.regime(naive)
        seen.add(found)
    assert len(seen) >= 3


def one_row(**values: float) -> FeatureMatrix:
    """Features of a market without a direction, but for what is given."""
    features = FeatureMatrix.empty(1)
    features.values[:] = 0.0
    calm = {"close": 100.0, "ema_20": 100.0, "ema_50": 100.0, "ema_200": 100.0, "atr_14": 1.0, "atr_relative": 0.01}
    middle = {"rsi_14": 50.0, "stoch_k": 50.0, "percent_b": 0.5, "channel_96": 0.5, "volume_ratio": 1.0}
    for name, value in {**calm, **middle, "volatility_ratio": 1.0, "adx_14": 10.0, **values}.items():
        features[name][0] = value
    return features


@pytest.mark.parametrize(
    ("name", "values", "score", "confidence"),
    [
        (
            "trend",
            {"ema_20": 101.0, "close": 104.0, "plus_di_14": 25.0, "adx_14": 22.0},
            0.4 / 2 + 0.35 / 2 + 0.25,
            0.5,
        ),
        ("mean_reversion", {"percent_b": 0.2, "rsi_14": 25.0, "stoch_k": 5.0}, 0.4 / 2 + 0.35 + 0.25, 1.0),
        ("mean_reversion", {"percent_b": 1.1, "rsi_14": 75.0, "stoch_k": 95.0, "adx_14": 35.0}, -1.0, 0.0),
        ("momentum", {"roc_48": 0.08, "roc_96": 0.11, "macd_hist": 0.4, "rsi_14": 70.0}, 1.0, 1.0),
        ("momentum", {"roc_48": -0.04}, -0.15, 0.1),
        ("volume", {"obv_slope_20": -0.4, "vwap_distance_48": -0.025, "volume_ratio": 1.25}, -0.8, 0.75),
        ("bull", {"ema_20": 102.0, "close": 106.0, "channel_96": 1.0}, 0.7, 1.0),
        ("bear", {"ema_20": 98.0, "rsi_14": 90.0}, -0.35, 0.3),
    ],
)
def test_scores_worked_out_by_hand(name: str, values: dict[str, float], score: float, confidence: float) -> None:
    found = ANALYSTS[name].score(one_row(**values))
    assert found.score[0] == pytest.approx(score)
    assert found.confidence[0] == pytest.approx(confidence)


@pytest.mark.parametrize(
    ("values", "regime"),
    [
        ({}, "range"),
        ({"adx_14": 22.0, "ema_20": 101.0, "plus_di_14": 20.0}, "trend_up"),
        ({"adx_14": 21.9, "ema_20": 101.0, "plus_di_14": 20.0}, "range"),
        ({"adx_14": 30.0, "ema_20": 99.0, "minus_di_14": 20.0}, "trend_down"),
        ({"adx_14": 30.0, "ema_20": 101.0, "minus_di_14": 20.0}, "range"),
        ({"adx_14": 30.0, "ema_20": 101.0, "plus_di_14": 20.0, "volatility_ratio": 1.8}, "volatile"),
        ({"adx_14": float("nan"), "volatility_ratio": float("nan")}, "range"),
    ],
)
def test_regimes_worked_out_by_hand(values: dict[str, float], regime: str) -> None:
    assert REGIMES[detect_regimes(one_row(**values))[0]] == regime


def test_bull_and_bear_argue_opposite_sides_and_are_silent_without_evidence() -> None:
    bull, bear = ANALYSTS["bull"], ANALYSTS["bear"]
    for kind in KINDS:
        features = compute_features(market(kind, 2, 2000), 1400)
        assert bull.score(features).score.min() >= 0
        assert bear.score(features).score.max() <= 0
    for advocate in (bull, bear):
        assert advocate.score(one_row()).confidence[0] == 0


@pytest.mark.parametrize("analyst", default_analysts(), ids=lambda analyst: analyst.name)
def test_an_analyst_abstains_where_a_feature_is_not_a_number(analyst: Analyst) -> None:
    features = one_row()
    features.values[:] = np.nan
    scores = analyst.score(features)
    assert scores.score[0] == 0 and scores.confidence[0] == 0


@pytest.mark.parametrize("analyst", default_analysts(), ids=lambda analyst: analyst.name)
def test_rows_are_scored_alone_whatever_their_order(analyst: Analyst) -> None:
    features = compute_features(market("trending", 4, 900), 300)
    order = np.random.default_rng(0).permutation(300)
    shuffled = FeatureMatrix(np.asfortranarray(features.values[order]))
    whole, mixed = analyst.score(features), analyst.score(shuffled)
    assert np.array_equal(mixed.score, whole.score[order])
    assert np.array_equal(mixed.confidence, whole.confidence[order])


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("trend", ["EMA20 above EMA50 by 1.00%", "close above EMA200 by 4.00%", "ADX 31", "+DI 25", "-DI 12"]),
        ("mean_reversion", ["%B 0.20", "RSI 33", "%K 12", "ADX 31"]),
        ("momentum", ["+2.50% in 48", "-1.20% in 96", "range of 1.00%", "MACD histogram +0.4", "RSI 33"]),
        ("volume", ["-40% of 20", "below VWAP by 0.50%", "1.5 x"]),
        ("bull", ["for:", "EMA20 +1.00%", "close +4.00%", "95% up", "balance -40%"]),
        ("bear", ["against:", "EMA20 +1.00%", "RSI 33"]),
    ],
)
def test_reasons_carry_the_figures(name: str, figures: list[str]) -> None:
    features = one_row(
        ema_20=101.0, close=104.0, adx_14=31.2, plus_di_14=25.4, minus_di_14=12.0, percent_b=0.2, rsi_14=33.0,
        stoch_k=12.0, roc_48=0.025, roc_96=-0.012, macd_hist=0.4, obv_slope_20=-0.4, vwap_distance_48=-0.005,
        volume_ratio=1.5, channel_96=0.95,
    )  # fmt: skip
    reason = ANALYSTS[name].explain(features, 0)
    for figure in figures:
        assert figure in reason
