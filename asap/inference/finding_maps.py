"""Where each finding might be, without being told a place: one map of evidence per finding, and its best place in a region.

A finding's statement without a side is matched with every cell, in several wordings whose log-odds are averaged; a model's
finding head, where it has one, corrects them. What is read off a region (a side, a lobe) is the mean of its best few cells, as
for the confidence of a grounded sentence. Calcium is not matched but measured (`asap.inference.calcium`),
and to statements about nodules is added what candidates look like (`asap.inference.nodules`).
Axes: N cells, K findings, S sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.drafts import Point
from asap.grounding import peak_ras_mm
from asap.inference.calcium import BEDS
from asap.inference.calibration import best_mean, log_odds
from asap.inference.features import StudyFeatures
from asap.inference.grounder import Grounder
from asap.inference.nodules import with_nodules
from asap.report import Side
from asap.text.read import read_sentence
from asap.text.statements import LOBES, WORDINGS, wordings_of
from asap.volume import apply_affine

Mask = NDArray[np.bool_]
LOBE_NAMES: tuple[tuple[Side, str], ...] = tuple((side, lobe) for side, lobes in LOBES.items() for lobe in lobes)


@dataclass(frozen=True, eq=False)
class FindingRows:
    """Rows of a model, made once: every wording of each finding, and the lobes."""

    findings: dict[str, Tensor]
    lobes_ST: Tensor

    @classmethod
    def of(cls, grounder: Grounder) -> FindingRows:
        """Encode the wordings."""
        findings = {
            concept: grounder.encode_sentences([read_sentence(text) for text in wordings_of(concept)]) for concept in WORDINGS
        }
        lobes = [read_sentence(f"{side.capitalize()} {lobe.replace('_', ' ')}.") for side, lobe in LOBE_NAMES]
        return cls(findings, grounder.encode_sentences(lobes))

    def stated(self, grounder: Grounder, cells_NC: Tensor, concepts: Sequence[str]) -> Tensor:
        """Log-odds of each finding's statement in each cell, mean over its wordings, [N, K]."""
        maps = [log_odds(grounder.match(self.findings[concept], cells_NC)).mean(dim=0) for concept in concepts]
        return torch.stack(maps, dim=1)


class FindingMaps:
    """The evidence for every finding in one encoded case. known: maps of this very case that were made before; more are added."""

    def __init__(self, grounder: Grounder, rows: FindingRows, features: StudyFeatures, known: dict[str, Tensor]) -> None:
        self._grounder, self._rows, self._features = grounder, rows, features
        window = features.windows[0]
        self._window, self._grid = window, window.grid
        self._maps = known
        self._head, self._correction_NK = grounder.finding_head, features.correction_NK
        self._calcium_NK = window.calcium_NK

    @cached_property
    def seen(self) -> Mask:
        """Cells of the body that the model saw."""
        lungs = self._features.lungs
        index = np.rint(apply_affine(np.linalg.inv(lungs.affine), self._centres)).astype(np.int64)
        held = ((index >= 0) & (index < lungs.body.shape)).all(axis=-1)
        i, j, k = np.moveaxis(np.where(held[..., None], index, 0), -1, 0)
        return np.asarray(self._grid.inside & held & lungs.body[i, j, k], dtype=np.bool_)

    def evidence(self, concept: str, region: Mask) -> float | None:
        """What a presence curve is read at; None where the region holds no cell the model saw."""
        map_N = self.log_odds(concept)[torch.from_numpy((region & self.seen).ravel())]
        return None if map_N.numel() == 0 else float(best_mean(map_N[None]))

    def peak(self, concept: str, region: Mask) -> Point:
        """The best place of a finding in a region, RAS+ mm."""
        seen = region & self.seen
        heat = torch.sigmoid(self.log_odds(concept)).numpy().reshape(self._features.tokens)
        return peak_ras_mm(np.where(seen, heat, 0.0).astype(np.float32), self._grid.token_affine, seen)

    def region(self, side: Side | None = None, lobe: str | None = None) -> Mask:
        """Cells of one half of the chest, of a lobe, or all; "bilateral" is all."""
        mask = np.ones(self._features.tokens, dtype=np.bool_)
        if side in ("left", "right"):
            mask &= self._right if side == "right" else ~self._right
        if lobe is not None:
            mask &= np.isin(self._lobe, [n for n, (_, name) in enumerate(LOBE_NAMES) if name == lobe])
        return mask

    def farther(self, ras_mm: Point, distance_mm: float) -> Mask:
        """Cells whose centre is farther from a point."""
        return np.asarray(np.linalg.norm(self._centres - np.asarray(ras_mm), axis=-1) > distance_mm, dtype=np.bool_)

    def side_at(self, ras_mm: Point) -> Side:
        """The half of the chest a point lies in."""
        token = np.clip(self._grid.token_of(np.asarray(ras_mm)), 0, np.asarray(self._features.tokens) - 1)
        return "right" if self._right[tuple(token)] else "left"

    def lobe_at(self, ras_mm: Point, side: Side) -> str:
        """The lobe of one lung that a point belongs to, or is nearest to by what the model sees."""
        token = np.clip(self._grid.token_of(np.asarray(ras_mm)), 0, np.asarray(self._features.tokens) - 1)
        scores = self._lobe_scores[(slice(None), *token)]
        own = [n for n, (lobe_side, _) in enumerate(LOBE_NAMES) if lobe_side == side]
        return LOBE_NAMES[max(own, key=lambda n: float(scores[n]))][1]

    def look(self) -> Iterator[float]:
        """Make the maps of all findings, one statement at a time; yields the share done. All is answered at once after it."""
        missing = [concept for concept in WORDINGS if concept not in self._maps]
        for number, concept in enumerate(missing, start=1):
            self.log_odds(concept)
            yield number / len(missing)

    def log_odds(self, concept: str) -> Tensor:
        """Log-odds that each cell holds the finding, [N]; where calcium is the finding, the logarithm of its amount."""
        if concept in BEDS and self._calcium_NK is not None:
            return self._calcium_NK[:, list(BEDS).index(concept)].float()
        if concept not in self._maps:
            stated_N1 = self._rows.stated(self._grounder, self._window.cells_NC, (concept,))
            stated_N = with_nodules(stated_N1[:, 0].contiguous(), concept, self._window.nodules_NK)
            self._maps[concept] = self._corrected(concept, stated_N)
        return self._maps[concept]

    def _corrected(self, concept: str, stated_N: Tensor) -> Tensor:
        head, correction_NK = self._head, self._correction_NK
        if head is None or correction_NK is None or concept not in head.findings:
            return stated_N
        k = head.findings.index(concept)
        return head.stated_scale_K[k] * stated_N + correction_NK[:, k].float()

    @cached_property
    def _centres(self) -> NDArray[np.float64]:
        """Centres of the cells, [a, b, c, 3] RAS+ mm."""
        index = np.moveaxis(np.indices(self._features.tokens), 0, -1).astype(np.float64)
        return apply_affine(self._grid.token_affine, index)

    @cached_property
    def _right(self) -> Mask:
        """Cells on the patient's right of the mid-sagittal plane."""
        lungs = self._features.lungs
        if lungs.midline is None:
            middle = lungs.thorax_centre_ras_mm[0]
            return np.asarray(self._centres[..., 0] > middle, dtype=np.bool_)
        index_i = apply_affine(np.linalg.inv(lungs.affine), self._centres)[..., 0]
        return np.asarray(index_i > lungs.midline, dtype=np.bool_)

    @cached_property
    def _lobe_scores(self) -> NDArray[np.float32]:
        match_SN = self._grounder.match(self._rows.lobes_ST, self._window.cells_NC)
        return match_SN.numpy().reshape(len(LOBE_NAMES), *self._features.tokens).astype(np.float32)

    @cached_property
    def _lobe(self) -> NDArray[np.intp]:
        """Number of the lobe each cell fits best, of the lobes on its side."""
        own_side = np.stack([self._right == (side == "right") for side, _ in LOBE_NAMES])
        return np.asarray(np.where(own_side, self._lobe_scores, -np.inf).argmax(axis=0), dtype=np.intp)
