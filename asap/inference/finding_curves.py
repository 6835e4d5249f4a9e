"""From the evidence for a finding to the probability that it is there: two fitted curves a finding, in one small JSON file.

Two, because two things are asked. Somebody asks about a finding: it is there or not at even odds, and what it is told from is
mostly a chest without it. Or every finding is looked for unasked: it is as rare as it is, and what looks like it is often
something else. The same evidence gives a lower probability in the second case.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asap.errors import WeightsError
from asap.inference.calibration import HIGHEST, Calibration
from asap.text.statements import WORDINGS

FILE_NAME = "findings.json"
MOST_BYTES = 100_000
UNREADABLE = "The curves of the findings beside the weights cannot be read; install the weights again."


@dataclass(frozen=True)
class Line:
    """Log-odds of presence: slope * evidence + offset."""

    slope: float
    offset: float

    def probability(self, evidence: float) -> float:
        """P(present), never surer than 99 % either way."""
        z = max(-30.0, min(30.0, self.slope * evidence + self.offset))
        return min(HIGHEST, max(1.0 - HIGHEST, 1.0 / (1.0 + math.exp(-z))))


@dataclass(frozen=True)
class PresenceCurve:
    """One finding. asked: at even odds. unasked: at the frequency of the cases it was fitted for."""

    asked: Line
    unasked: Line

    def probability(self, evidence: float, *, asked: bool) -> float:
        """P(present)."""
        return (self.asked if asked else self.unasked).probability(evidence)


Curves = Mapping[str, PresenceCurve]


def curves_of_grounding(calibration: Calibration | None) -> Curves:
    """Curves for a model that was calibrated for grounding only: its sentences were true and false in equal numbers."""
    if calibration is None:
        return {}
    curves = {}
    for concept in (concept for concept in WORDINGS if concept in calibration.by_concept):
        line = Line(calibration.slope_of(concept), calibration.offset + calibration.by_concept[concept])
        curves[concept] = PresenceCurve(line, line)
    return curves


def load_curves(folder: Path, weights_sha256: str) -> Curves | None:
    """The curves beside the weights their evidence comes from; None when there are none for these.

    Raises WeightsError when the file is damaged.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > MOST_BYTES:
            raise WeightsError(UNREADABLE)
        record = json.loads(path.read_text(encoding="utf-8"))
        fitted_to, curves = record["weights_sha256"], record["curves"]
        read = {concept: PresenceCurve(_line(entry["asked"]), _line(entry["unasked"])) for concept, entry in curves.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(UNREADABLE) from error
    if not isinstance(fitted_to, str) or not set(read) <= set(WORDINGS):
        raise WeightsError(UNREADABLE)
    return read if fitted_to == weights_sha256 else None


def curves_as_json(curves: Curves, *, weights_sha256: str, source: str, licence: str) -> bytes:
    """The file that `load_curves` reads."""
    plain = {
        concept: {
            "asked": [round(curve.asked.slope, 4), round(curve.asked.offset, 4)],
            "unasked": [round(curve.unasked.slope, 4), round(curve.unasked.offset, 4)],
        }
        for concept, curve in curves.items()
    }
    record = {"format": 1, "weights_sha256": weights_sha256, "source": source, "licence": licence, "curves": plain}
    return (json.dumps(record, indent=1) + "\n").encode()


def _line(numbers: Any) -> Line:
    usable = isinstance(numbers, list) and len(numbers) == 2 and all(type(n) is float and math.isfinite(n) for n in numbers)
    if not usable or numbers[0] <= 0.0:  # more evidence never means less
        raise WeightsError(UNREADABLE)
    return Line(numbers[0], numbers[1])
