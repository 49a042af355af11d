"""Whatever the market does: scores and confidences stay within bounds, and every form of the vote agrees."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.decision.decision_samples import KINDS, MINUTE_MS, SYMBOL, candles_of, market
from trading.decision.analysts import Scores, default_analysts
from trading.decision.features import FEATURE_NAMES, FeatureMatrix, compute_features
from trading.decision.params import RegimeWeights, StrategyParams
from trading.decision.precomputed import PrecomputedSignals
from trading.decision.regime import REGIMES
from trading.decision.rolling import RollingSignals
from trading.decision.signals import compute_signals
from trading.decision.voting import VERDICTS, Panel, combine
from trading.domain.decisions import Verdict, Vote

MANY = settings.default.max_examples
PARAMS = StrategyParams()
kinds, seeds = st.sampled_from(KINDS), st.integers(0, 10_000)
unit = st.floats(0, 1)
anything = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(-200, 200), st.just(0.0))


@settings(max_examples=2 * MANY)
@given(st.lists(anything, min_size=len(FEATURE_NAMES), max_size=len(FEATURE_NAMES)))
def test_no_features_whatsoever_lead_out_of_bounds(values: list[float]) -> None:
    features = FeatureMatrix(np.asfortranarray([values]))
    with np.errstate(all="ignore"):
        ballot = Panel(PARAMS, default_analysts()).vote(features)
        opinions = [analyst.score(features) for analyst in default_analysts()]
    for score, confidence in opinions:
        assert -1 <= score[0] <= 1
        assert 0 <= confidence[0] <= 1
    assert -1 <= ballot.score[0] <= 1
    assert 0 <= ballot.confidence[0] <= 1
    assert 0 <= ballot.cover[0] <= 1


@settings(max_examples=MANY // 2)
@given(kinds, seeds)
def test_no_market_leads_out_of_bounds(kind: str, seed: int) -> None:
    features = compute_features(market(kind, seed, 1200), 900)
    for analyst in default_analysts():
        score, confidence = analyst.score(features)
        assert score.shape == confidence.shape == (900,)
        assert np.abs(score).max() <= 1
        assert confidence.min() >= 0 and confidence.max() <= 1
        assert analyst.explain(features, seed % 900)
    table = compute_signals(SYMBOL, market(kind, seed, 1200), MINUTE_MS, PARAMS)
    assert np.isfinite(table.score).all() and np.abs(table.score).max() <= 1
    assert np.isfinite(table.atr).all() and table.atr.min() >= 0
    assert table.confidence.min() >= 0 and table.confidence.max() <= 1


@settings(max_examples=MANY // 4)
@given(kinds, seeds, st.integers(0, 600))
def test_live_and_backtest_say_the_same_in_any_market(kind: str, seed: int, start: int) -> None:
    bars = market(kind, seed, 1500, 28_000_000 + start)
    looked_up = PrecomputedSignals([compute_signals(SYMBOL, bars, MINUTE_MS, PARAMS)])
    live = RollingSignals(PARAMS, MINUTE_MS)
    candles = candles_of(bars)
    live.warm_up(candles[: 800 + start])
    for candle in candles[800 + start :]:
        signal = live.on_candle(candle)
        assert signal == looked_up.on_candle(candle)
        if signal is not None:
            assert combine(signal.votes, PARAMS) == (signal.score, signal.confidence, signal.verdict)


class _Given:
    """An analyst that says what it is given."""

    def __init__(self, name: str, score: float, confidence: float) -> None:
        self.name = name
        self._scores = Scores(np.array([score]), np.array([confidence]))

    def score(self, features: FeatureMatrix) -> Scores:
        return self._scores

    def explain(self, features: FeatureMatrix, row: int) -> str:
        return self.name


weights = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
opinions = st.lists(st.tuples(st.floats(-1, 1), unit, weights), max_size=7)


@settings(max_examples=4 * MANY)
@given(opinions, st.floats(0.01, 1), st.floats(-1, 0), unit, st.floats(0, 0.01))
def test_the_vote_of_one_bar_and_the_vectorised_one_agree_to_the_last_bit(
    said: list[tuple[float, float, float]], enter: float, leave: float, sure: float, atr_relative: float
) -> None:
    names = [f"analyst {number}" for number in range(len(said))]
    params = StrategyParams(
        enter_score=enter,
        exit_score=leave,
        min_confidence=sure,
        weights={
            name: RegimeWeights(trend_up=weight, trend_down=weight, range=weight, volatile=weight)
            for name, (_, _, weight) in zip(names, said, strict=True)
        },
    )
    panel = Panel(params, [_Given(name, score, c) for name, (score, c, _) in zip(names, said, strict=True)])
    features = FeatureMatrix(np.zeros((1, len(FEATURE_NAMES)), order="F"))
    features["atr_relative"][0] = atr_relative
    ballot = panel.vote(features)
    votes = panel.votes_at(features, ballot, 0)
    outcome = combine(votes, params)
    assert outcome == (ballot.score[0], ballot.confidence[0], VERDICTS[ballot.verdict[0]])
    assert REGIMES[ballot.regime[0]] == "range"
    assert -1 <= outcome.score <= 1 and 0 <= outcome.confidence <= 1
    if outcome.verdict is Verdict.ENTER_LONG:
        assert outcome.score >= enter and outcome.confidence >= sure
    if outcome.verdict is Verdict.EXIT:
        assert outcome.score <= leave


@settings(max_examples=2 * MANY)
@given(opinions, st.randoms(use_true_random=False))
def test_the_order_of_votes_and_votes_without_weight_do_not_matter(
    said: list[tuple[float, float, float]], random: object
) -> None:
    votes = [Vote(analyst="a", score=s, confidence=c, weight=w, reason="") for s, c, w in said]
    silent = Vote(analyst="b", score=-1.0, confidence=1.0, weight=0.0, reason="")
    shuffled = [*votes, silent]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = combine(votes, PARAMS), combine(shuffled, PARAMS)
    assert math.isclose(one.score, other.score, abs_tol=1e-9)
    assert math.isclose(one.confidence, other.confidence, abs_tol=1e-9)
