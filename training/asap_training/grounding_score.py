"""Score a grounding model honestly: strict hits with their text prior, gain, twins, calibration and side swap.

The rules and thresholds follow the published practice of pointing games, with the controls without which a hit rate means
nothing: the same sentence on other patients (prior) and the same patient without the lesion (twin).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from asap.errors import NotChestError
from asap.grounding import Grounding
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.report import Sentence
from asap.text.read import read_sentence
from asap.text.vocabulary import FINDINGS
from asap.volume import apply_affine
from asap_training.pace import Pace
from asap_training.scoring_cases import Query, ScoringCase

STRICT_MM = 12.0
HIT_MM = 36.0
PRIOR_CASES = 5
CARRIED_POINTS = 1000  # of another patient's region, enough to tell whether it comes within 36 mm
FEWEST_PRIOR_CASES = 2
Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EncodedCase:
    """A scoring case with its features; lungs_box_mm: [2, 3] corners of the lungs' bounding box."""

    case: ScoringCase
    features: StudyFeatures
    twin_features: StudyFeatures
    lungs_box_mm: Points


@dataclass(frozen=True)
class Row:
    """What happened to one query. distance_mm: peak to the nearest voxel centre of the region; inf when there was no answer.

    prior: share of strict hits of the same sentence on other patients, None when fewer than two could be used.
    score, twin_score: confidence with the finding and on the twin without it; None where the model has none.
    twin_distance_mm: peak on the twin to where the finding would be; None where the twin has it too.
    """

    case: int
    kind: str
    pooled: bool
    organ: bool
    distance_mm: float
    touches: bool
    score: float | None
    twin_score: float | None
    twin_distance_mm: float | None
    prior: float | None

    @property
    def strict(self) -> bool:
        """The peak is within 12 mm of the region."""
        return self.distance_mm <= STRICT_MM

    @property
    def earned(self) -> bool | None:
        """A strict hit the image earned: on the twin the peak leaves or the confidence falls by half. None without a twin."""
        if self.twin_distance_mm is None:
            return None
        fell = self.score is not None and self.twin_score is not None and self.twin_score < 0.5 * self.score
        return self.strict and (self.twin_distance_mm > STRICT_MM or fell)


def encode_cases(engine: Engine, cases: Sequence[ScoringCase]) -> list[EncodedCase]:
    """Encode every case and its twin once."""
    encoded, pace = [], Pace(len(cases), f"Encoding for {engine.grounder.name}")
    for case in cases:
        pace.one_more()
        try:
            features, twin_features = engine.encode(case.volume), engine.encode(case.twin)
        except NotChestError:
            print(f"{case.name}: refused as not a chest; its queries are left out")
            continue
        masks = features.lungs.left | features.lungs.right
        points = apply_affine(features.lungs.affine, np.argwhere(masks).astype(np.float64))
        box = np.stack([points.min(axis=0), points.max(axis=0)])
        encoded.append(EncodedCase(case, features, twin_features, box))
    return encoded


def score(engine: Engine, encoded: list[EncodedCase], *, seed: int = 0) -> list[Row]:
    """One row for each query of each case."""
    by_kind: dict[str, list[int]] = defaultdict(list)
    for number, entry in enumerate(encoded):
        for kind in {query.kind for query in entry.case.queries}:
            by_kind[kind].append(number)
    rows = []
    for number, entry in enumerate(encoded):
        for query_number, query in enumerate(entry.case.queries):
            rng = np.random.default_rng([seed, number, query_number])
            others = [n for n in rng.permutation(by_kind[query.kind]) if n != number]
            rows.append(_row(engine, encoded, number, query, others))
    return rows


def _row(engine: Engine, encoded: list[EncodedCase], number: int, query: Query, others: list[int]) -> Row:
    entry = encoded[number]
    sentence = read_sentence(query.text)
    answer = ask(engine, entry.features, sentence)
    tree = cKDTree(query.region_mm)
    twin = ask(engine, entry.twin_features, sentence) if not query.in_twin else None
    return Row(
        case=number,
        kind=query.row,
        pooled=query.pooled,
        organ=query.organ,
        distance_mm=_distance(tree, answer),
        touches=answer.peak_ras_mm is not None and _cell_touches(answer, query.region_mm),
        score=answer.confidence,
        twin_score=None if twin is None else twin.confidence,
        twin_distance_mm=None if twin is None else _distance(tree, twin),
        prior=_prior(engine, encoded, entry, query, others),
    )


def ask(engine: Engine, features: StudyFeatures, sentence: Sentence) -> Grounding:
    """The product's answer to one sentence."""
    return engine.ground(features, [sentence])[0]


def distance_mm(answer: Grounding, region_mm: Points) -> float:
    """Peak to the nearest voxel centre of a region; inf when there is no peak."""
    return _distance(cKDTree(region_mm), answer)


def _distance(tree: cKDTree, answer: Grounding) -> float:
    return float("inf") if answer.peak_ras_mm is None else float(tree.query(answer.peak_ras_mm)[0])


def _cell_touches(answer: Grounding, region_mm: Points) -> bool:
    to_cell = np.linalg.inv(answer.affine)
    peak = np.round(apply_affine(to_cell, np.asarray(answer.peak_ras_mm)))
    return bool((np.round(apply_affine(to_cell, region_mm)) == peak).all(axis=1).any())


def _prior(engine: Engine, encoded: list[EncodedCase], entry: EncodedCase, query: Query, others: list[int]) -> float | None:
    """Strict hits of the sentence on other patients who have a finding of this kind elsewhere.

    Peaks are carried over by the lungs' bounding boxes. Five patients are used, none of whose findings of this kind lies
    within 36 mm of the region once carried over. An organ lies in the same place in everybody: it has no such patients.
    """
    if query.kind not in FINDINGS:
        return None
    tree = cKDTree(query.region_mm)
    sentence = read_sentence(query.text)
    hits = []
    for number in others:
        other = encoded[number]
        points = np.concatenate(other.case.positions_of(query.kind))
        carried = _carried(points[:: 1 + len(points) // CARRIED_POINTS], other.lungs_box_mm, entry.lungs_box_mm)
        if tree.query(carried, distance_upper_bound=HIT_MM)[0].min() <= HIT_MM:
            continue
        answer = ask(engine, other.features, sentence)
        if answer.peak_ras_mm is None:
            continue
        peak = _carried(np.asarray(answer.peak_ras_mm)[None], other.lungs_box_mm, entry.lungs_box_mm)[0]
        hits.append(tree.query(peak)[0] <= STRICT_MM)
        if len(hits) == PRIOR_CASES:
            break
    return float(np.mean(hits)) if len(hits) >= FEWEST_PRIOR_CASES else None


def _carried(points_mm: Points, from_box: Points, to_box: Points) -> Points:
    share = (points_mm - from_box[0]) / (from_box[1] - from_box[0])
    return np.asarray(to_box[0] + share * (to_box[1] - to_box[0]))
