"""What an analyst is, and the few shapes that their scores are built from."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from trading.decision.bars import FloatArray
from trading.decision.features import FeatureMatrix


class Scores(NamedTuple):
    """An analyst's opinion on every bar: score in [-1, 1] (1 = be long), confidence in [0, 1]. Both of shape (n,)."""

    score: FloatArray
    confidence: FloatArray


class Analyst(Protocol):
    """A pure function of the features, row by row: no row looks at another, so any rows may be given in any order."""

    @property
    def name(self) -> str:
        """The name that its weights are listed under."""
        ...

    def score(self, features: FeatureMatrix) -> Scores:
        """Score and confidence of every row. Where a feature it needs is NaN both are 0: it abstains."""
        ...

    def explain(self, features: FeatureMatrix, row: int) -> str:
        """Why it scored this row as it did, in words and figures."""
        ...


def ramp(values: FloatArray, low: float, high: float) -> FloatArray:
    """0 up to `low`, 1 from `high`, straight between them. NaN stays NaN."""
    result: FloatArray = np.minimum(np.maximum((values - low) / (high - low), 0.0), 1.0)
    return result


def signed(values: FloatArray, scale: float) -> FloatArray:
    """values / scale, held within [-1, 1]. NaN stays NaN."""
    result: FloatArray = np.minimum(np.maximum(values / scale, -1.0), 1.0)
    return result


def abstain_on_nan(score: FloatArray, confidence: FloatArray) -> Scores:
    """The scores, held within their bounds, with 0 and 0 where either is not a number."""
    known = np.isfinite(score) & np.isfinite(confidence)
    bounded = np.minimum(np.maximum(score, -1.0), 1.0)
    return Scores(np.where(known, bounded, 0.0), np.where(known, confidence, 0.0))
