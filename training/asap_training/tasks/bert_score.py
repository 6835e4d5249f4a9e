"""BERTScore of drafted reports against their references, with a BERT-like encoder from a local folder.

Source: Zhang et al., BERTScore (ICLR 2020): every word piece is matched with the most similar one of the other text by the cosine
of its contextual features; recall over the reference, precision over the draft, F1. Without the baseline rescaling, which needs
files of its own. Axes: T texts, L word pieces, C channels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asap.errors import InputError, WeightsError
from asap.models.language_decoder import check_folder
from asap.torchvision_guard import guard_torchvision


@dataclass(frozen=True)
class BertScore:
    """Means over the texts."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class _Read:
    """One text. unit_LC: unit features of its word pieces, without the marks at its ends. ids: theirs."""

    unit_LC: Tensor
    ids: tuple[int, ...]


class BertScorer:
    """layer: whose features are compared, 0 for the embeddings; None for the last. Texts are cut at the encoder's limit."""

    def __init__(self, folder: Path, *, layer: int | None = None) -> None:
        """Raises InputError when the folder holds no safetensors or could run code, WeightsError when it does not load."""
        self._model, self._tokenizer = _loaded(folder)
        depth = int(self._model.config.num_hidden_layers)
        if layer is not None and not 0 <= layer <= depth:
            raise InputError(f"This encoder has layers 0 to {depth}.")
        self._layer = depth if layer is None else layer

    def score(self, references: Sequence[str], drafts: Sequence[str], *, rare_weigh_more: bool = False) -> BertScore:
        """Scores of drafts against their references, in order; a text without words scores 0.

        rare_weigh_more: weigh word pieces by their inverse document frequency among the references.
        Raises ValueError for lists of different lengths, or none.
        """
        if len(references) != len(drafts) or not references:
            raise ValueError("every draft needs its reference")
        told, said = [self._read(text) for text in references], [self._read(text) for text in drafts]
        held = Counter(piece for text in told for piece in set(text.ids))
        count = len(told)

        def weight(text: _Read) -> Tensor:
            each = [math.log((count + 1) / (held[piece] + 1)) if rare_weigh_more else 1.0 for piece in text.ids]
            return torch.tensor(each)

        scores = [_pair(r, d, weight(r), weight(d)) for r, d in zip(told, said, strict=True)]
        precision, recall, f1 = (sum(values) / count for values in zip(*scores, strict=True))
        return BertScore(precision, recall, f1)

    @torch.inference_mode()
    def _read(self, text: str) -> _Read:
        longest = min(int(self._model.config.max_position_embeddings), 512)
        encoded = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=longest, return_special_tokens_mask=True)
        words = encoded.pop("special_tokens_mask")[0] == 0
        states = self._model(**encoded, output_hidden_states=True).hidden_states[self._layer][0]
        ids = tuple(int(n) for n in encoded["input_ids"][0][words])
        return _Read(torch.nn.functional.normalize(states[words].float(), dim=-1), ids)


def _pair(reference: _Read, draft: _Read, reference_L: Tensor, draft_L: Tensor) -> tuple[float, float, float]:
    if not reference.ids or not draft.ids:
        return 0.0, 0.0, 0.0
    cosine = draft.unit_LC @ reference.unit_LC.T
    precision = _weighted(cosine.amax(dim=1), draft_L)
    recall = _weighted(cosine.amax(dim=0), reference_L)
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total > 0 else 0.0


def _weighted(best_L: Tensor, weight_L: Tensor) -> float:
    """Mean by weight; where no piece weighs anything, the plain mean."""
    total = float(weight_L.sum())
    return float((best_L * weight_L).sum() / total) if total > 0 else float(best_L.mean())


def _loaded(folder: Path) -> tuple[Any, Any]:
    check_folder(folder)
    guard_torchvision()
    import transformers  # noqa: PLC0415 - seconds, and only this score needs it

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        model = transformers.AutoModel.from_pretrained(str(folder), use_safetensors=True, **options)
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError("The encoder's files do not load; download them again.") from error
    return model.eval(), tokenizer
