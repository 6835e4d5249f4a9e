"""From a sentence's best match to P(the finding is there and the peak is within 12 mm of it).

A logistic curve over the evidence of the best cells, with one offset per finding, fitted on generated cases that the model was
not trained on and stored in the manifest. Without it, or for a finding it has not seen, there is no confidence to show.
What is shown never passes what the calibration data can support: n observations that were all right leave a probability of
n / (n + z^2) (lower end of Wilson's 95 % score interval, J. Am. Stat. Assoc. 22:209, 1927), and never more than 99 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from asap.errors import WeightsError
from asap.report import Sentence

BEST_CELLS = 2
LOG_ODDS_LIMIT = 12.0
HIGHEST = 0.99
WILSON_Z2 = 1.96**2
UNREADABLE = "The weights' calibration cannot be read; import or download the weights again."


@dataclass(frozen=True)
class Calibration:
    """P = sigmoid(slope * evidence + offset + by_concept[concept]), capped by the observations of that concept.

    slopes: of concepts whose evidence comes from elsewhere too (`asap.inference.nodules`), in place of slope. observations: how
    many sentences about a concept the curve was fitted on; a concept that is not counted is capped at 99 %.
    """

    slope: float
    offset: float
    by_concept: Mapping[str, float]
    observations: Mapping[str, int] = field(default_factory=dict)
    slopes: Mapping[str, float] = field(default_factory=dict)

    def slope_of(self, concept: str) -> float:
        """What a concept's evidence is multiplied by."""
        return self.slopes.get(concept, self.slope)

    def confidence(self, evidence: float, concept: str) -> float | None:
        """Probability in (0, 0.99]; None for a concept that was not part of the calibration."""
        if concept not in self.by_concept:
            return None
        z = self.slope_of(concept) * evidence + self.offset + self.by_concept[concept]
        return min(self.highest(concept), 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z)))))

    def highest(self, concept: str) -> float:
        """The most that may be claimed for a concept."""
        count = self.observations.get(concept)
        return HIGHEST if count is None else min(HIGHEST, count / (count + WILSON_Z2))

    @classmethod
    def from_manifest(cls, entry: Mapping[str, Any]) -> Calibration:
        """Read the manifest's entry: slope, offset, by_concept, perhaps observations and slopes. WeightsError when malformed."""
        if not {"slope", "offset", "by_concept"} <= set(entry) <= {"slope", "offset", "by_concept", "observations", "slopes"}:
            raise WeightsError(UNREADABLE)
        offsets, counts, slopes = entry["by_concept"], entry.get("observations", {}), entry.get("slopes", {})
        if not all(isinstance(mapping, dict) for mapping in (offsets, counts, slopes)):
            raise WeightsError(UNREADABLE)
        numbers = [entry["slope"], entry["offset"], *offsets.values(), *slopes.values()]
        if not all(isinstance(n, float) and math.isfinite(n) for n in numbers):
            raise WeightsError(UNREADABLE)
        if not all(type(n) is int and n >= 0 for n in counts.values()):
            raise WeightsError(UNREADABLE)
        return cls(entry["slope"], entry["offset"], dict(offsets), dict(counts), dict(slopes))


def best_mean(match_SN: Tensor) -> Tensor:
    """Mean of the best few cells, [S]."""
    return match_SN.topk(min(BEST_CELLS, match_SN.shape[1]), dim=1).values.mean(dim=1)


def best_log_odds(log_match_SN: Tensor) -> Tensor:
    """Log-odds of the mean of the best few cells' log-probabilities, [S], clipped to +-12."""
    return log_odds(best_mean(log_match_SN))


def log_odds(log_p: Tensor) -> Tensor:
    """Log-probabilities -> log-odds, clipped to +-12."""
    log_q = torch.log1p(-log_p.exp().clamp(max=1.0 - 1e-6))
    return (log_p - log_q).clamp(-LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)


def concept_of(sentence: Sentence) -> str:
    """What the offset is looked up by: the first finding that is not denied, else the first anatomical key."""
    for finding in sentence.findings:
        if finding.assertion != "absent":
            return finding.concept
    return sentence.anatomy[0] if sentence.anatomy else ""
