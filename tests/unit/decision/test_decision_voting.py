"""The vote, worked out by hand, and the parameters that it takes."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from tests.unit.decision.decision_samples import market
from trading.decision.analysts import Scores, default_analysts
from trading.decision.features import FeatureMatrix, compute_features
from trading.decision.params import RegimeWeights, StrategyParams
from trading.decision.voting import VERDICTS, Panel, combine
from trading.domain.decisions import Verdict, Vote
from trading.domain.errors import InvalidInput

EVEN = RegimeWeights(trend_up=1.0, trend_down=1.0, range=1.0, volatile=1.0)


def vote(score: float, confidence: float, weight: float, analyst: str = "somebody") -> Vote:
    return Vote(analyst=analyst, score=score, confidence=confidence, weight=weight, reason="")


def test_votes_add_up_by_weight_and_confidence() -> None:
    # (1 x 0.8 x 0.5 + 0.5 x 0.4 x -1) / (1 x 0.8 + 0.5 x 0.4) = 0.2;  (0.8 + 0.2) / (1 + 0.5) = 2/3
    outcome = combine([vote(0.5, 0.8, 1.0), vote(-1.0, 0.4, 0.5)], StrategyParams())
    assert outcome.score == pytest.approx(0.2)
    assert outcome.confidence == pytest.approx(2 / 3)
    assert outcome.verdict is Verdict.HOLD


@pytest.mark.parametrize(
    ("score", "confidence", "verdict"),
    [
        (0.5, 0.5, Verdict.ENTER_LONG),
        (0.499, 1.0, Verdict.HOLD),
        (1.0, 0.499, Verdict.HOLD),
        (-0.25, 0.01, Verdict.EXIT),
        (-0.249, 1.0, Verdict.HOLD),
        (0.0, 1.0, Verdict.HOLD),
    ],
)
def test_entering_asks_for_score_and_confidence_and_leaving_for_the_score_alone(
    score: float, confidence: float, verdict: Verdict
) -> None:
    params = StrategyParams(enter_score=0.5, exit_score=-0.25, min_confidence=0.5)
    assert combine([vote(score, confidence, 1.0)], params).verdict is verdict


@pytest.mark.parametrize("votes", [[], [vote(1.0, 0.0, 1.0)], [vote(1.0, 1.0, 0.0)]])
def test_without_anybody_sure_nothing_is_done(votes: list[Vote]) -> None:
    assert combine(votes, StrategyParams(min_confidence=0.0)) == (0.0, 0.0, Verdict.HOLD)


def test_an_opinion_added_to_a_bars_votes_can_turn_the_verdict() -> None:
    params = StrategyParams(enter_score=0.5, min_confidence=0.5)
    own = [vote(0.6, 0.8, 1.0), vote(0.4, 0.9, 0.5)]
    assert combine(own, params).verdict is Verdict.ENTER_LONG
    against = vote(-1.0, 1.0, params.opinion_weight_of("llm", "range"), "llm")
    assert combine([*own, against], params).verdict is Verdict.HOLD


class _Fixed:
    """An analyst whose opinion is given."""

    name = "fixed"

    def __init__(self, score: float) -> None:
        self._score = score

    def score(self, features: FeatureMatrix) -> Scores:
        return Scores(np.full(len(features), self._score), np.ones(len(features)))

    def explain(self, features: FeatureMatrix, row: int) -> str:
        return f"says {self._score}"


def still(atr_relative: float, volatility_ratio: float = 1.0) -> FeatureMatrix:
    features = FeatureMatrix.empty(1)
    features.values[:] = 0.0
    features["atr_relative"][0] = atr_relative
    features["volatility_ratio"][0] = volatility_ratio
    return features


def test_the_regime_sets_the_weight() -> None:
    params = StrategyParams(weights={"fixed": RegimeWeights(trend_up=0.1, trend_down=0.2, range=0.3, volatile=0.4)})
    panel = Panel(params, [_Fixed(1.0)])
    assert panel.vote(still(1.0)).weights[0][0] == 0.3
    assert panel.vote(still(1.0, volatility_ratio=2.0)).weights[0][0] == 0.4


def test_opinions_count_less_where_the_range_does_not_pay_for_the_trade() -> None:
    params = StrategyParams(
        weights={"fixed": EVEN},
        round_trip_cost=0.002,
        min_reward_to_cost=5.0,
        target_atr_multiple=Decimal(10),
        min_confidence=0.6,
    )
    panel = Panel(params, [_Fixed(1.0)])
    # The target is wanted 1 % away. Ten ranges of 0.05 % reach half of that.
    half, full, none = still(0.0005), still(0.002), still(float("nan"))
    assert panel.vote(half).confidence[0] == pytest.approx(0.5)
    assert VERDICTS[panel.vote(half).verdict[0]] is Verdict.HOLD
    assert panel.vote(full).confidence[0] == 1.0
    assert VERDICTS[panel.vote(full).verdict[0]] is Verdict.ENTER_LONG
    assert panel.vote(none).confidence[0] == 0.0
    (discounted,) = panel.votes_at(half, panel.vote(half), 0)
    assert discounted.reason == "says 1.0; the range pays 50% of the move that a trade's costs ask for"
    (plain,) = panel.votes_at(full, panel.vote(full), 0)
    assert plain.reason == "says 1.0"


def test_leaving_is_not_held_up_by_costs() -> None:
    panel = Panel(StrategyParams(weights={"fixed": EVEN}), [_Fixed(-1.0)])
    assert VERDICTS[panel.vote(still(1e-6)).verdict[0]] is Verdict.EXIT


def test_without_costs_every_opinion_counts_in_full() -> None:
    panel = Panel(StrategyParams(weights={"fixed": EVEN}, round_trip_cost=0.0), [_Fixed(1.0)])
    assert panel.vote(still(1e-9)).confidence[0] == 1.0


def test_an_analyst_without_weights_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"analyst: 'fixed'.*bear, bull"):
        Panel(StrategyParams(), [_Fixed(1.0)])


def test_an_abstention_says_so() -> None:
    features = compute_features(market("calm", 1, 600), 1)
    features["percent_b"][0] = np.nan
    panel = Panel(StrategyParams(), default_analysts())
    reasons = {vote.analyst: vote.reason for vote in panel.votes_at(features, panel.vote(features), 0)}
    assert reasons["mean_reversion"].startswith("abstains, for want of range or volume: %B nan")
    assert not reasons["trend"].startswith("abstains")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enter_score", 0.0),
        ("enter_score", 1.1),
        ("enter_score", float("nan")),
        ("exit_score", -1.1),
        ("exit_score", 0.7),
        ("min_confidence", -0.1),
        ("min_confidence", 1.5),
        ("opinion_weight", -1.0),
        ("opinion_weight", float("inf")),
        ("round_trip_cost", float("nan")),
        ("min_reward_to_cost", -1.0),
        ("risk_per_trade_pct", Decimal(0)),
        ("risk_per_trade_pct", Decimal(100)),
        ("stop_atr_multiple", Decimal(0)),
        ("target_atr_multiple", Decimal("NaN")),
        ("trail_atr_multiple", Decimal(1001)),
        ("slippage_reserve_pct", Decimal(-1)),
        ("min_stop_ticks", 0),
    ],
)
def test_parameters_that_cannot_be_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=name):
        StrategyParams(**{name: value})


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(InvalidInput, match="weight in range"):
        RegimeWeights(trend_up=1.0, trend_down=1.0, range=-0.1, volatile=1.0)


def test_parameters_survive_being_written_and_read_and_misspelt_ones_do_not() -> None:
    params = StrategyParams(enter_score=0.7, weights={"trend": EVEN})
    assert msgspec.json.decode(msgspec.json.encode(params), type=StrategyParams) == params
    with pytest.raises(msgspec.ValidationError, match="enter_scor"):
        msgspec.json.decode(b'{"enter_scor": 0.7}', type=StrategyParams)
