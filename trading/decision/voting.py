"""The vote: what the analysts' scores, confidences and weights add up to. Vectorised, and for one bar's list of votes.

    score      = sum(weight x confidence x score) / sum(weight x confidence)      0 where nobody is sure of anything
    confidence = sum(weight x confidence) / sum(weight)

ENTER_LONG from `enter_score` with `min_confidence` on; EXIT at `exit_score` or below; HOLD otherwise. Both forms do the
same operations in the same order, so that they agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trading.decision.analysts import Analyst, Scores
from trading.decision.bars import CodeArray, FloatArray
from trading.decision.features import FeatureMatrix
from trading.decision.params import StrategyParams
from trading.decision.regime import detect_regimes
from trading.domain.decisions import Verdict, Vote

VERDICTS: tuple[Verdict, ...] = (Verdict.HOLD, Verdict.ENTER_LONG, Verdict.EXIT)
"""The order of the codes in arrays."""


class Outcome(NamedTuple):
    """What votes add up to: score in [-1, 1], confidence in [0, 1]."""

    score: float
    confidence: float
    verdict: Verdict


def combine(votes: Sequence[Vote], params: StrategyParams) -> Outcome:
    """The outcome of these votes, in their order: a bar's own, with opinions that arrived as events after them."""
    opinion = conviction = weights = 0.0
    for vote in votes:
        sure = vote.weight * vote.confidence
        opinion += sure * vote.score
        conviction += sure
        weights += vote.weight
    # Rounding keeps order, so neither quotient can leave its bounds where the votes are within theirs.
    score = opinion / conviction if conviction > 0 else 0.0
    confidence = conviction / weights if weights > 0 else 0.0
    if score >= params.enter_score and confidence >= params.min_confidence:
        return Outcome(score, confidence, Verdict.ENTER_LONG)
    return Outcome(score, confidence, Verdict.EXIT if score <= params.exit_score else Verdict.HOLD)


@dataclass(frozen=True, slots=True)
class Ballot:
    """The vote on every bar. Arrays of shape (n,); `verdict` and `regime` are codes (VERDICTS, REGIMES).

    cover: how far the market's range pays for a trade, in [0, 1]; every confidence has been multiplied by it.
    scores and weights: of each analyst, in the order of the panel.
    """

    verdict: CodeArray
    score: FloatArray
    confidence: FloatArray
    regime: CodeArray
    cover: FloatArray
    scores: tuple[Scores, ...]
    weights: tuple[FloatArray, ...]


class Panel:
    """The analysts and how they vote."""

    def __init__(self, params: StrategyParams, analysts: Sequence[Analyst]) -> None:
        """Raises `InvalidInput` where an analyst has no weights in `params`."""
        self._params = params
        self._analysts = tuple(analysts)
        self._weights = tuple(np.array(params.weights_of(analyst.name).by_code()) for analyst in analysts)
        self._wanted_move = params.min_reward_to_cost * params.round_trip_cost
        self._target_multiple = float(params.target_atr_multiple)

    def vote(self, features: FeatureMatrix) -> Ballot:
        """The vote on every row of `features`."""
        regime = detect_regimes(features)
        cover = self._cover(features)
        scores: list[Scores] = []
        weights: list[FloatArray] = []
        opinion, conviction, total = np.zeros((3, len(features)))
        for analyst, by_regime in zip(self._analysts, self._weights, strict=True):
            own = analyst.score(features)
            given = Scores(own.score, own.confidence * cover)
            weight: FloatArray = by_regime[regime]
            sure = weight * given.confidence
            opinion += sure * given.score
            conviction += sure
            total += weight
            scores.append(given)
            weights.append(weight)
        score = np.where(conviction > 0, opinion / np.where(conviction > 0, conviction, 1.0), 0.0)
        confidence = np.where(total > 0, conviction / np.where(total > 0, total, 1.0), 0.0)
        verdict = self._verdict(score, confidence)
        return Ballot(verdict, score, confidence, regime, cover, tuple(scores), tuple(weights))

    def votes_at(self, features: FeatureMatrix, ballot: Ballot, row: int) -> tuple[Vote, ...]:
        """The votes of one row with their reasons; `ballot` is `vote(features)`."""
        cover = float(ballot.cover[row])
        return tuple(
            Vote(
                analyst=analyst.name,
                score=float(scores.score[row]),
                confidence=float(scores.confidence[row]),
                weight=float(weight[row]),
                reason=self._reason(analyst.explain(features, row), cover),
            )
            for analyst, scores, weight in zip(self._analysts, ballot.scores, ballot.weights, strict=True)
        )

    def _cover(self, features: FeatureMatrix) -> FloatArray:
        """Distance to the target over the one that pays for the trade, at most 1; 0 where the range is not known."""
        move = features["atr_relative"] * self._target_multiple
        paid = move / self._wanted_move if self._wanted_move > 0 else np.ones_like(move)
        result: FloatArray = np.where(np.isfinite(move), np.minimum(np.maximum(paid, 0.0), 1.0), 0.0)
        return result

    def _verdict(self, score: FloatArray, confidence: FloatArray) -> CodeArray:
        enter = (score >= self._params.enter_score) & (confidence >= self._params.min_confidence)
        leave = score <= self._params.exit_score
        codes = np.where(enter, VERDICTS.index(Verdict.ENTER_LONG), np.where(leave, VERDICTS.index(Verdict.EXIT), 0))
        return codes.astype(np.int8)

    def _reason(self, reason: str, cover: float) -> str:
        if "nan" in reason:
            return f"abstains, for want of range or volume: {reason}"
        if cover < 1:
            return f"{reason}; the range pays {cover:.0%} of the move that a trade's costs ask for"
        return reason
