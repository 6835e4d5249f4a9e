"""The side of a sentence must decide: with left and right exchanged the peak changes sides, or the confidence falls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from asap.grounding import Grounding
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.phantom.case import PhantomCase
from asap.phantom.sentences import PhantomSentence
from asap.text.read import read_sentence
from asap.volume import apply_affine
from asap_training.grounding_score import STRICT_MM, distance_mm
from asap_training.tasks.statistics import bootstrap_by_case

_SIDE = re.compile(r"\b(left|right|LUL|LLL|RUL|RML|RLL)\b", re.IGNORECASE)
_OTHER = {"left": "right", "right": "left", "lul": "RUL", "lll": "RLL", "rul": "LUL", "rll": "LLL", "rml": "LUL"}


def side_swapped(text: str) -> str:
    """The sentence with every left and right exchanged."""
    return _SIDE.sub(lambda match: _OTHER[match[0].lower()], text)


def side_swap_lines(engine: Engine, cases: Iterable[PhantomCase]) -> list[str]:
    """Two lines: bilateral findings (does the peak change sides?) and one-sided ones (does the confidence fall?)."""
    followed: list[tuple[int, bool]] = []
    falls: list[tuple[int, float]] = []
    for number, case in enumerate(cases):
        features = engine.encode(case.volume)
        told = [s for s in case.sentences if s.findings and s.side in ("left", "right") and s.region is not None]
        for sentence in told:
            other = next((s for s in told if s.kind == sentence.kind and s.side != sentence.side), None)
            before = _asked(engine, features, sentence.text)
            if distance_mm(before, _points(case, sentence)) > STRICT_MM:
                continue
            after = _asked(engine, features, side_swapped(sentence.text))
            if other is not None:
                followed.append((number, distance_mm(after, _points(case, other)) <= STRICT_MM))
            elif before.confidence is not None and after.confidence is not None and not _on_both_sides(case, sentence):
                falls.append((number, before.confidence - after.confidence))
    share, lower = _with_interval([(n, float(f)) for n, f in followed]), _with_interval([(n, float(d > 0)) for n, d in falls])
    median = float(np.median([drop for _, drop in falls])) if falls else float("nan")
    return [
        f"side swap, finding on both sides: peak follows in {share} of {len(followed)} strict before",
        f"side swap, finding on one side: lower in {lower} of {len(falls)}, median {median:.3f}",
    ]


def _with_interval(outcomes: Sequence[tuple[int, float]]) -> str:
    """Mean and its 95 % interval by case bootstrap."""
    if not outcomes:
        return "-"
    values = np.array([value for _, value in outcomes])
    low, high = bootstrap_by_case([case for case, _ in outcomes], lambda index: float(values[index].mean()))
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def _asked(engine: Engine, features: StudyFeatures, text: str) -> Grounding:
    return engine.ground(features, [read_sentence(text)])[0]


def _points(case: PhantomCase, sentence: PhantomSentence) -> np.ndarray:
    return apply_affine(case.volume.affine, np.argwhere(sentence.region).astype(np.float64))


def _on_both_sides(case: PhantomCase, sentence: PhantomSentence) -> bool:
    sides = {finding.side for finding in case.findings if finding.concept == sentence.kind}
    return len(sides) > 1 or "bilateral" in sides or None in sides
