"""What the engine needs of a model: cells of a volume, rows of sentences, and how well each row fits each cell.

Axes: N cells of one volume (grid in C order), S sentences, C numbers of a cell, T numbers of a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from asap.inference.calcium import BEDS, BONE_SENTENCE, calcium_in_cells
from asap.inference.calibration import LOG_ODDS_LIMIT, best_log_odds, best_mean
from asap.inference.features import EncodedImage
from asap.inference.nodules import nodules_in_cells
from asap.models.asap import Asap
from asap.models.finding_head import head_inputs
from asap.models.load import PROCESSOR, preferred_dtype
from asap.models.load_finding_head import LoadedFindingHead
from asap.models.mini import MINI_GRID, AsapMini
from asap.models.nodule_scorer import LoadedNoduleScorer
from asap.models.phrase_encoder import tokenise
from asap.models.wordpiece import WordPiece
from asap.pause import Pause, no_pause
from asap.preprocess import GridConfig
from asap.report import Sentence
from asap.text.read import read_sentence

# Tokens computed together where memory is short: a tenth of the published grid.
FRUGAL_ROWS = 256
# Measured on two cores with AMX; only their ratio to the other stages of an encoding matters.
MULTIPLICATIONS_PER_S = 2.5e11
MINI_SECONDS = 0.2


@dataclass(frozen=True)
class EncoderCost:
    """What one field of view costs: how often `encode_image` pauses, and its usual seconds on two cores."""

    pauses: int
    seconds: float


class Grounder(Protocol):
    """One model as the engine sees it.

    calibration: the manifest's entry, or None when its scores mean no probability. finding_head: tells which finding a cell holds
    without a sentence, nodule_scorer: which small things in the lung are nodules; None for a model that has none.
    """

    name: str
    weights_sha256: str
    grid: GridConfig
    calibration: Mapping[str, Any] | None
    cost: EncoderCost
    device: torch.device
    finding_head: LoadedFindingHead | None
    nodule_scorer: LoadedNoduleScorer | None

    def place(self, device: torch.device) -> None:
        """Where images are encoded from now on; sentences and matches stay on the processor, where they are quick enough."""
        ...

    def encode_image(self, image_11HWD: Tensor, *, pause: Pause = no_pause, frugal: bool = False) -> EncodedImage:
        """Network input -> what is kept of a volume.

        pause: called between blocks. frugal: in smaller pieces, slower, for the same result within 1e-5 before rounding.
        """
        ...

    def encode_sentences(self, sentences: Sequence[Sentence]) -> Tensor:
        """One row per sentence, [S, T]; a row depends on its own sentence alone."""
        ...

    def match(self, rows_ST: Tensor, cells_NC: Tensor) -> Tensor:
        """How well sentence s fits cell n: float32 [S, N], higher is better; a logarithm of a probability or a cosine."""
        ...

    def heat(self, match_SN: Tensor) -> Tensor:
        """Match -> what is drawn, [S, N] in [0, 1]."""
        ...

    def evidence(self, match_SN: Tensor) -> Tensor:
        """What the calibration curve is read at, [S]; cells that take no part are -inf."""
        ...


class AsapGrounder:
    """The published model: cosine of a sentence's feature with every token's.

    The published checkpoint has no calibration; one's own weights may bring one, fitted on the mean of the best cosines.
    """

    finding_head: LoadedFindingHead | None = None
    nodule_scorer: LoadedNoduleScorer | None = None

    def __init__(
        self,
        model: Asap,
        tokenizer: WordPiece,
        *,
        name: str,
        weights_sha256: str,
        grid: GridConfig,
        calibration: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.weights_sha256 = weights_sha256
        self.grid = grid
        self.calibration = calibration
        encoder = model.config.encoder
        multiplied = encoder.depth * encoder.tokens * (12 * encoder.width**2 + 2 * encoder.tokens * encoder.width)
        self.cost = EncoderCost(encoder.depth, multiplied / MULTIPLICATIONS_PER_S)
        self._model = model.eval()
        self._tokenizer = tokenizer
        self.device = PROCESSOR

    def place(self, device: torch.device) -> None:
        """Where images are encoded from now on."""
        self._model.image_encoder.to(device)
        self._model.image_head.to(device)
        self.device = device

    @torch.inference_mode()
    def encode_image(self, image_11HWD: Tensor, *, pause: Pause = no_pause, frugal: bool = False) -> EncodedImage:
        """Unit features of the tokens, [N, D], float16: half the memory of a case, and a cosine is off by less than 1e-5."""
        rows = FRUGAL_ROWS if frugal else None
        v_BND = self._model.project_image(self._model.encode_image(image_11HWD.to(self.device), pause=pause, rows=rows))
        return EncodedImage(torch.nn.functional.normalize(v_BND[0], dim=-1).to(torch.float16).cpu())

    @torch.inference_mode()
    def encode_sentences(self, sentences: Sequence[Sentence]) -> Tensor:
        """Unit features of the sentences, [S, D], each read alone as "[CLS] sentence"."""
        encoded = [self._tokenizer.encode_sentence(sentence.text) for sentence in sentences]
        length = max(len(e.ids) for e in encoded)
        ids_SL, mask_SL, member_SL = (torch.zeros(len(encoded), length, dtype=torch.long) for _ in range(3))
        for row, e in enumerate(encoded):
            ids_SL[row, : len(e.ids)] = torch.from_numpy(e.ids)
            mask_SL[row, : len(e.ids)] = torch.from_numpy(e.mask)
            member_SL[row, : len(e.ids)] = torch.from_numpy(e.sentence_ids)
        text_SLD = self._model.encode_text(ids_SL, mask_SL)
        return torch.nn.functional.normalize(self._model.sentence_features(text_SLD, member_SL)[:, 0], dim=-1)

    def match(self, rows_ST: Tensor, cells_NC: Tensor) -> Tensor:
        """Cosine similarity."""
        return rows_ST.float() @ cells_NC.float().T

    def heat(self, match_SN: Tensor) -> Tensor:
        """Cosine, stretched from the volume's lowest to its highest."""
        low, high = match_SN.amin(dim=1, keepdim=True), match_SN.amax(dim=1, keepdim=True)
        return (match_SN - low) / (high - low).clamp_min(1e-6)

    def evidence(self, match_SN: Tensor) -> Tensor:
        """Mean of the best few cosines."""
        return best_mean(match_SN)


class MiniGrounder:
    """The embedded model: log-probability that a cell belongs to what the sentence says."""

    grid: GridConfig = MINI_GRID

    def __init__(
        self,
        model: AsapMini,
        *,
        name: str,
        weights_sha256: str,
        calibration: Mapping[str, Any] | None,
        finding_head: LoadedFindingHead | None = None,
        nodule_scorer: LoadedNoduleScorer | None = None,
    ) -> None:
        self.name = name
        self.weights_sha256 = weights_sha256
        self.calibration = calibration
        self._model = model.eval()
        self._parts, self._features = model.config.parts, model.config.features
        self.finding_head = finding_head
        self.nodule_scorer = nodule_scorer
        self.cost = EncoderCost(model.image.pauses + (finding_head is not None) + (nodule_scorer is not None) + 1, MINI_SECONDS)
        self.device = PROCESSOR

    def place(self, device: torch.device) -> None:
        """Where images are encoded from now on."""
        self._model.image.to(device)
        if self.finding_head is not None:
            self.finding_head.model.to(device)
        self.device = device

    @torch.inference_mode()
    def encode_image(self, image_11HWD: Tensor, *, pause: Pause = no_pause, frugal: bool = False) -> EncodedImage:
        """Unit features of the cells, [N, P * F], bfloat16. Computed as in training: bfloat16 where the device has it."""
        kind, rounded = self.device.type, preferred_dtype(self.device) == torch.bfloat16

        def give_way() -> None:
            with torch.autocast(kind, enabled=False):  # a sentence answered meanwhile is not to be rounded
                pause()

        image = image_11HWD.to(self.device)
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=rounded):
            stages = self._model.image.stages(image, pause=give_way, rows=FRUGAL_ROWS if frugal else None)
            cells_NC = self._model.image.features(stages)[0].flatten(1).to(torch.bfloat16).cpu()
            correction_NK = None
            if self.finding_head is not None:
                give_way()
                correction_BKhwd = self.finding_head.model(*head_inputs(stages, image))
                correction_NK = correction_BKhwd[0].flatten(1).T.float().clamp(-LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
                correction_NK = correction_NK.to(torch.float16).contiguous().cpu()
        pause()
        nodules_NK = None
        if self.nodule_scorer is not None:
            nodules_NK = nodules_in_cells(image_11HWD, self.nodule_scorer.model, self.grid.tokens)
            pause()
        return EncodedImage(cells_NC, correction_NK, self._calcium(image_11HWD, cells_NC), nodules_NK)

    @torch.inference_mode()
    def encode_sentences(self, sentences: Sequence[Sentence]) -> Tensor:
        """Features and biases of the parts, [S, P * (F + 1)]."""
        features_SPF, bias_SP = self._model.text(tokenise(sentences, self._model.config))
        return torch.cat([features_SPF, bias_SP[..., None]], dim=-1).flatten(1)

    @torch.inference_mode()
    def match(self, rows_ST: Tensor, cells_NC: Tensor) -> Tensor:
        """Log-probability."""
        rows_SPT = rows_ST.reshape(-1, self._parts, self._features + 1)
        cells_NPF = cells_NC.reshape(-1, self._parts, self._features).float()
        return self._model.matcher(rows_SPT[..., :-1], rows_SPT[..., -1], cells_NPF)  # type: ignore[no-any-return]

    def heat(self, match_SN: Tensor) -> Tensor:
        """Probability."""
        return match_SN.exp()

    def _calcium(self, image_11HWD: Tensor, cells_NC: Tensor) -> Tensor:
        sentences = [read_sentence(text) for text in (*(bed.sentence for bed in BEDS.values()), BONE_SENTENCE)]
        *shares_KN, bone_N = self.match(self.encode_sentences(sentences), cells_NC).exp()
        return calcium_in_cells(image_11HWD, torch.stack(shares_KN), bone_N, self.grid.tokens, self.grid.spacing_mm[0])

    def evidence(self, match_SN: Tensor) -> Tensor:
        """Log-odds of the best few cells."""
        return best_log_odds(match_SN)
