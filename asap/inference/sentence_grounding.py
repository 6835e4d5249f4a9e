"""A report's sentences on an encoded case: one answer each, with a map, a peak, a region and a confidence.

What a sentence says of calcium is shown where it was measured (`asap.inference.calcium`), if any was; all else is matched,
nodules with what their candidates look like (`asap.inference.nodules`).
Axes: S sentences, N cells of all fields of view, A B C cells of the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.grounding import Grounding, peak_ras_mm
from asap.inference.calcium import BEDS
from asap.inference.calibration import Calibration, concept_of
from asap.inference.features import SentenceCache, StudyFeatures
from asap.inference.finding_readers import FindingReaders
from asap.inference.grounder import Grounder
from asap.inference.nodules import joined
from asap.inference.side import side_check
from asap.report import Sentence
from asap.volume import Affine

# A region is cut at half of the map's highest value: the full width at half maximum, whatever the model's scale.
REGION_LEVEL = 0.5


class SentenceGrounding:
    """One model's answers to sentences. Rows of sentences seen before are kept; safe to share between threads."""

    def __init__(self, grounder: Grounder, calibration: Calibration | None, findings: FindingReaders) -> None:
        self._grounder, self._calibration, self._findings = grounder, calibration, findings
        self._known = SentenceCache()

    def ground(self, features: StudyFeatures, sentences: Sequence[Sentence]) -> list[Grounding]:
        """One answer per sentence, in order. A sentence that names nothing to show gets its reason and no map."""
        asked = [sentence for sentence in sentences if sentence.localisable]
        answers = iter(self._answers(features, asked) if asked else [])
        return [next(answers) if sentence.localisable else _reason_only(features, sentence) for sentence in sentences]

    def _answers(self, features: StudyFeatures, sentences: Sequence[Sentence]) -> list[Grounding]:
        rows_ST = self._rows(sentences)
        match_SN = [
            joined(self._grounder.match(rows_ST, window.cells_NC), sentences, window.nodules_NK) for window in features.windows
        ]
        inside_N = torch.from_numpy(np.concatenate([window.grid.inside.ravel() for window in features.windows]))
        flat_SN = torch.cat(match_SN, dim=1).masked_fill(~inside_N, float("-inf"))
        heat_SN = self._heat(flat_SN)
        # The curve was fitted on one field of view: the best of eight would be read as surer than it is.
        first_SN = flat_SN[:, : match_SN[0].shape[1]]
        evidence_S = self._grounder.evidence(first_SN) if self._calibration is not None else None
        inside_ABC, affine = _map(features, inside_N.float())
        answers = []
        for index, sentence in enumerate(sentences):
            measured_N = _calcium(features, sentence)
            heat_N = heat_SN[index] if measured_N is None else measured_N.masked_fill(~inside_N, 0.0)
            heatmap, _ = _map(features, heat_N)
            confidence = None
            if self._calibration is not None and evidence_S is not None:
                confidence = self._calibration.confidence(float(evidence_S[index]), concept_of(sentence))
            if measured_N is not None:
                confidence = self._findings.of(features).asked(concept_of(sentence))
            peak = peak_ras_mm(heatmap, affine, inside_ABC > 0)
            answers.append(_grounding(features, sentence, heatmap, affine, peak=peak, confidence=confidence))
        return answers

    def _rows(self, sentences: Sequence[Sentence]) -> Tensor:
        known = {sentence.text: self._known.find(sentence.text) for sentence in sentences}
        new = [s for s in {s.text: s for s in sentences}.values() if known[s.text] is None]
        if new:
            for sentence, row_T in zip(new, self._grounder.encode_sentences(new), strict=True):
                self._known.add(sentence.text, row_T)
                known[sentence.text] = row_T
        return torch.stack([row for sentence in sentences if (row := known[sentence.text]) is not None])

    def _heat(self, match_SN: Tensor) -> Tensor:
        """Heat of every cell; cells in the padding take no part and stay cold."""
        seen = torch.isfinite(match_SN)
        lowest = match_SN.masked_fill(~seen, float("inf")).amin(dim=1, keepdim=True)
        return self._grounder.heat(torch.where(seen, match_SN, lowest)).masked_fill(~seen, 0.0)


def _calcium(features: StudyFeatures, sentence: Sentence) -> Tensor | None:
    """Heat of measured calcium, [N] in [0, 1); None for a sentence that is not of calcium alone, or where none was measured."""
    concepts = {finding.concept for finding in sentence.findings if finding.assertion != "absent"}
    if not concepts or not concepts <= set(BEDS):
        return None
    columns = [list(BEDS).index(concept) for concept in concepts]
    amounts = [window.calcium_NK[:, columns] for window in features.windows if window.calcium_NK is not None]
    if len(amounts) < len(features.windows):
        return None
    heat_N = -torch.expm1(-torch.cat(amounts).float().amax(dim=1))
    return heat_N if bool(heat_N.any()) else None


def _map(features: StudyFeatures, heat_N: Tensor) -> tuple[NDArray[np.float32], Affine]:
    per_window = heat_N.reshape(len(features.windows), *features.tokens).numpy().astype(np.float32)
    first = features.windows[0].grid.token_affine
    if not features.fine:
        return per_window[0], first
    a, b, c = features.tokens
    fine = np.zeros((2 * a, 2 * b, 2 * c), dtype=np.float32)
    for window, heat in zip(features.windows, per_window, strict=True):
        fine[window.shift[0] :: 2, window.shift[1] :: 2, window.shift[2] :: 2] = heat
    halved = first.copy()
    halved[:3, :3] /= 2
    return fine, halved


def _grounding(
    features: StudyFeatures,
    sentence: Sentence,
    heatmap: NDArray[np.float32],
    affine: Affine,
    *,
    peak: tuple[float, float, float],
    confidence: float | None,
) -> Grounding:
    answer = Grounding(
        sentence=sentence,
        heatmap=heatmap,
        affine=affine,
        threshold=REGION_LEVEL * float(heatmap.max()),
        peak_ras_mm=peak,
        confidence=confidence,
        tokens=None,
        side_check=side_check(features.lungs, sentence, peak),
        reason=None,
        weights_sha256=features.weights_sha256,
    )
    region = answer.region()
    return replace(answer, tokens=int(region.sum()) if region is not None else None)


def _reason_only(features: StudyFeatures, sentence: Sentence) -> Grounding:
    return Grounding(
        sentence=sentence,
        heatmap=None,
        affine=features.windows[0].grid.token_affine,
        threshold=None,
        peak_ras_mm=None,
        confidence=None,
        tokens=None,
        side_check="not applicable",
        reason=sentence.reason,
        weights_sha256=features.weights_sha256,
    )
