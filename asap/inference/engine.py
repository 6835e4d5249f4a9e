"""`Engine`: encode a case once, then answer any sentence about it. Used by the command line, the server and the tests alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.chest import chest_check
from asap.errors import Cancelled, NotChestError
from asap.grounding import Grounding, SideCheck, peak_ras_mm
from asap.inference.calibration import Calibration, best_log_odds, concept_of
from asap.inference.features import FeatureCache, SentenceCache, ShiftedCells, StudyFeatures
from asap.inference.grounder import Grounder
from asap.lungs import LungMasks, segment_lungs
from asap.preprocess import to_network_grid
from asap.report import Sentence
from asap.volume import Affine, Volume

Progress = Callable[[str, float], None]

# A region is cut at half of the map's highest value: the full width at half maximum, whatever the model's scale.
REGION_LEVEL = 0.5
WHOLE = ((0, 0, 0),)
HALF_CELL_SHIFTS = tuple((i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1))


def no_progress(_stage: str, _share: float) -> None:
    """For callers that show none."""


def never() -> bool:
    """For callers that never cancel."""
    return False


class Engine:
    """One model with its caches. Methods may be called from several threads; the model itself runs on the caller's thread."""

    def __init__(self, grounder: Grounder) -> None:
        self.grounder = grounder
        self.cases = FeatureCache()
        self._sentences = SentenceCache()
        self._calibration = Calibration.from_manifest(grounder.calibration) if grounder.calibration is not None else None

    def encode(
        self, volume: Volume, *, fine: bool = False, progress: Progress = no_progress, cancelled: Callable[[], bool] = never
    ) -> StudyFeatures:
        """Features of a case, from the cache when it was seen before, however it was stored.

        fine: eight fields of view shifted by half a cell, for a map twice as fine. Raises NotChestError when the volume does
        not look like a chest CT and Cancelled between two fields of view.
        """
        ras = volume.reoriented_to_ras()
        identity = ras.identity
        known = self.cases.find(ras, identity, fine=fine)
        if known is not None:
            return known
        progress("looking for the lungs", 0.0)
        lungs = segment_lungs(ras)
        check = chest_check(ras, lungs)
        if not check.is_chest:
            raise NotChestError(check.reason or "This does not look like a chest CT.")
        shifts = HALF_CELL_SHIFTS if fine else WHOLE
        windows = []
        for number, shift in enumerate(shifts):
            if cancelled():
                raise Cancelled("Stopped before the case was encoded.")
            progress("encoding the volume", number / len(shifts))
            windows.append(self._encode_window(ras, lungs, shift))
        features = StudyFeatures(
            identity, ras.affine, ras.shape, self.grounder.weights_sha256, self.grounder.grid.tokens, tuple(windows), lungs
        )
        self.cases.add(features)
        progress("encoding the volume", 1.0)
        return features

    def ground(self, features: StudyFeatures, sentences: Sequence[Sentence]) -> list[Grounding]:
        """One answer per sentence, in order. A sentence that names nothing to show gets its reason and no map."""
        asked = [sentence for sentence in sentences if sentence.localisable]
        answers = iter(self._answers(features, asked) if asked else [])
        return [next(answers) if sentence.localisable else self._reason_only(features, sentence) for sentence in sentences]

    def _encode_window(self, ras: Volume, lungs: LungMasks, shift: tuple[int, int, int]) -> ShiftedCells:
        cell = self.grounder.grid.cell
        voxels = (shift[0] * cell[0] // 2, shift[1] * cell[1] // 2, shift[2] * cell[2] // 2)
        centre = np.asarray(lungs.thorax_centre_ras_mm)
        image, grid = to_network_grid(ras, self.grounder.grid, centre_ras_mm=centre, shift_voxels=voxels)
        return ShiftedCells(shift, self.grounder.encode_image(image), grid)

    def _answers(self, features: StudyFeatures, sentences: Sequence[Sentence]) -> list[Grounding]:
        rows_ST = self._rows(sentences)
        match_SN = [self.grounder.match(rows_ST, window.cells_NC) for window in features.windows]
        inside = np.concatenate([window.grid.inside.ravel() for window in features.windows])
        flat_SN = torch.cat(match_SN, dim=1).masked_fill(~torch.from_numpy(inside), float("-inf"))
        heat_SN = self._heat(flat_SN)
        # The curve was fitted on one field of view: the best of eight would be read as surer than it is.
        first_SN = flat_SN[:, : match_SN[0].shape[1]]
        log_odds_S = best_log_odds(first_SN) if self._calibration is not None else None
        inside_ABC, affine = self._map(features, torch.from_numpy(inside).float())
        answers = []
        for index, sentence in enumerate(sentences):
            heatmap, _ = self._map(features, heat_SN[index])
            confidence = None
            if self._calibration is not None and log_odds_S is not None:
                confidence = self._calibration.confidence(float(log_odds_S[index]), concept_of(sentence))
            peak = peak_ras_mm(heatmap, affine, inside_ABC > 0)
            answers.append(self._grounding(features, sentence, heatmap, affine, peak=peak, confidence=confidence))
        return answers

    def _rows(self, sentences: Sequence[Sentence]) -> Tensor:
        known = {sentence.text: self._sentences.find(sentence.text) for sentence in sentences}
        new = [s for s in {s.text: s for s in sentences}.values() if known[s.text] is None]
        if new:
            for sentence, row_T in zip(new, self.grounder.encode_sentences(new), strict=True):
                self._sentences.add(sentence.text, row_T)
                known[sentence.text] = row_T
        return torch.stack([row for sentence in sentences if (row := known[sentence.text]) is not None])

    def _heat(self, match_SN: Tensor) -> Tensor:
        """Heat of every cell; cells in the padding take no part and stay cold."""
        seen = torch.isfinite(match_SN)
        lowest = match_SN.masked_fill(~seen, float("inf")).amin(dim=1, keepdim=True)
        return self.grounder.heat(torch.where(seen, match_SN, lowest)).masked_fill(~seen, 0.0)

    def _map(self, features: StudyFeatures, heat_N: Tensor) -> tuple[NDArray[np.float32], Affine]:
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
        self,
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

    def _reason_only(self, features: StudyFeatures, sentence: Sentence) -> Grounding:
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


def side_check(lungs: LungMasks, sentence: Sentence, peak: tuple[float, float, float]) -> SideCheck:
    """Whether the peak lies on the side the sentence names, judged by the classical lung masks and not by the model."""
    if sentence.laterality not in ("left", "right"):
        return "not applicable"
    side = lungs.side_of(peak)
    if side is None:
        return "not applicable"
    return "agrees" if side == sentence.laterality else "disagrees"
