"""Features against their textbook definitions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.unit.decision import decision_reference as reference
from tests.unit.decision.decision_samples import KINDS, market, recorded
from trading.decision.bars import WARMUP_CANDLES, Bars
from trading.decision.features import FEATURE_NAMES, FEATURES, FeatureMatrix, compute_features


def rows_of(bars: Bars) -> list[reference.Row]:
    return list(zip(*(a.tolist() for a in (bars.open, bars.high, bars.low, bars.close, bars.volume)), strict=True))


def assert_like_reference(bars: Bars, ends: range) -> None:
    for end in ends:
        window = bars.between(end - WARMUP_CANDLES - 40, end)
        found = compute_features(window, 1)
        expected = reference.features(rows_of(window))
        assert set(expected) == set(FEATURE_NAMES)
        for name, value in expected.items():
            # Differences of nearly equal prices carry the rounding of the price itself.
            assert found.at(0, name) == pytest.approx(value, rel=1e-7, abs=1e-9 * max(1.0, abs(expected["close"]))), (
                name
            )


@pytest.mark.parametrize("kind", ["calm", "trending", "gaps"])
def test_every_feature_equals_its_textbook_definition_on_made_up_candles(kind: str) -> None:
    assert_like_reference(market(kind, 3, 1500), range(700, 1500, 97))


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["BTCUSDT-1h", "SOLUSDT-5m", "DOGEUSDT-1m"])
def test_every_feature_equals_its_textbook_definition_on_recorded_candles(recorded_candles: Path, name: str) -> None:
    assert_like_reference(recorded(recorded_candles, name), range(600, 15_000, 991))


def test_every_feature_is_documented_once() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    assert all(all(feature) for feature in FEATURES)


def test_keeping_fewer_rows_changes_none_of_them() -> None:
    bars = market("trending", 5, 800)
    whole = compute_features(bars, 800).values
    for keep in (1, 7, 256):
        assert np.array_equal(compute_features(bars, keep).values, whole[-keep:], equal_nan=True)


@pytest.mark.parametrize("kind", KINDS)
def test_ranged_features_stay_in_their_range_and_nothing_is_infinite(kind: str) -> None:
    features = compute_features(market(kind, 11, 2000), 1500)
    assert not np.isinf(features.values).any()
    for name, low, high in (
        ("rsi_14", 0, 100),
        ("adx_14", 0, 100),
        ("plus_di_14", 0, 100),
        ("minus_di_14", 0, 100),
        ("stoch_k", 0, 100),
        ("stoch_d", 0, 100),
        ("obv_slope_20", -1, 1),
        ("channel_96", 0, 1),
    ):
        known = features[name][np.isfinite(features[name])]
        assert known.min() >= low - 1e-6 and known.max() <= high + 1e-6, name
    for name in ("atr_14", "bb_width", "volatility_24"):
        known = features[name][np.isfinite(features[name])]
        assert known.min() >= 0, name


def test_divisions_by_nothing_are_not_a_number() -> None:
    ones = np.ones(600)
    still = Bars(np.arange(600, dtype=np.int64), ones, ones, ones, ones, np.zeros(600))
    features = compute_features(still, 1)
    for name in ("percent_b", "obv_slope_20", "vwap_distance_48", "volume_ratio", "volatility_ratio", "channel_96"):
        assert math.isnan(features.at(0, name)), name
    assert features.at(0, "ema_200") == 1.0
    assert features.at(0, "atr_14") == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_a_window_without_volume_counts_as_empty_whatever_was_traded_before(seed: int) -> None:
    bars = market("calm", seed, 700)
    bars.volume[-20:] = 0.0
    bars.volume[:-20] *= 1e12
    features = compute_features(bars, 1)
    assert math.isnan(features.at(0, "obv_slope_20"))
    assert features.at(0, "volume_ratio") == 0.0


def test_a_matrix_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        FeatureMatrix(np.zeros((4, 3)))
