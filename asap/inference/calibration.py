"""From a sentence's best match to P(the finding is there and the peak is within 12 mm of it).

A logistic curve over the log-odds of the best cells, with one offset per finding, fitted on generated cases that the model was
not trained on and stored in the manifest. Without it, or for a finding it has not seen, there is no confidence to show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from asap.errors import WeightsError
from asap.report import Sentence

BEST_CELLS = 4
LOG_ODDS_LIMIT = 12.0


@dataclass(frozen=True)
class Calibration:
    """P = sigmoid(slope * log-odds + offset + by_concept[concept])."""

    slope: float
    offset: float
    by_concept: Mapping[str, float]

    def confidence(self, log_odds: float, concept: str) -> float | None:
        """Probability in (0, 1); None for a concept that was not part of the calibration."""
        if concept not in self.by_concept:
            return None
        z = self.slope * log_odds + self.offset + self.by_concept[concept]
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))

    @classmethod
    def from_manifest(cls, entry: Mapping[str, Any]) -> Calibration:
        """Read the manifest's entry; WeightsError when it is malformed."""
        offsets = entry.get("by_concept")
        numbers = [entry.get("slope"), entry.get("offset"), *(offsets.values() if isinstance(offsets, dict) else [None])]
        if set(entry) != {"slope", "offset", "by_concept"} or not all(isinstance(n, float) and math.isfinite(n) for n in numbers):
            raise WeightsError("The weights' calibration cannot be read; import or download the weights again.")
        return cls(entry["slope"], entry["offset"], dict(entry["by_concept"]))


def best_log_odds(log_match_SN: Tensor) -> Tensor:
    """Log-odds of the mean of the best few cells' log-probabilities, [S], clipped to +-12."""
    log_p_S = log_match_SN.topk(min(BEST_CELLS, log_match_SN.shape[1]), dim=1).values.mean(dim=1)
    log_q_S = torch.log1p(-log_p_S.exp().clamp(max=1.0 - 1e-6))
    return (log_p_S - log_q_S).clamp(-LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)


def concept_of(sentence: Sentence) -> str:
    """What the offset is looked up by: the first finding that is not denied, else the first anatomical key."""
    for finding in sentence.findings:
        if finding.assertion != "absent":
            return finding.concept
    return sentence.anatomy[0] if sentence.anatomy else ""
