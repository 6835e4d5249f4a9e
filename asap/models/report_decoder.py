"""The benchmark's own report decoder: a small transformer trained from scratch on the frozen trunk's cells (asap-method 2.4).

One layer, 512 wide, feed-forward 512, 8 heads, 60 memory slots, a vocabulary of whole words. What is published of the memory is
its size; here the slots are learnt vectors beside the cells, as in the meshed-memory transformer (Cornia et al. 2020).
Axes: B batch, N cells, C numbers of a cell, M memory (cells and slots), T words, D width, V vocabulary.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.errors import WeightsError
from asap.models.config import values_from_json

PAD, END, START, UNKNOWN = "<pad>", "<end>", "<start>", "<unk>"
SPECIAL = (PAD, END, START, UNKNOWN)
LEAST_COUNT = 3
_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+(?:-[^\W\d_]+)*|[.,;:]")


@dataclass(frozen=True)
class ReportDecoderConfig:
    """Published sizes. cell_numbers: C of the trunk. words: the vocabulary, special words first."""

    cell_numbers: int = 768
    width: int = 512
    inner: int = 512
    heads: int = 8
    layers: int = 1
    slots: int = 60
    longest: int = 150
    words: tuple[str, ...] = SPECIAL

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ReportDecoderConfig:
        """Read a manifest's entry; WeightsError on anything else."""
        words = data.get("words")
        if not isinstance(words, list) or tuple(words[:4]) != SPECIAL or not all(isinstance(w, str) for w in words):
            raise WeightsError("The report decoder's vocabulary cannot be read; install the weights again.")
        return cls(**values_from_json(cls, data, skip=("words",)), words=tuple(words))


def split_words(text: str) -> list[str]:
    """Words, numbers and marks in lower case."""
    return _WORD.findall(text.lower())


def vocabulary(texts: Iterable[str], least: int = LEAST_COUNT) -> tuple[str, ...]:
    """Special words, then every word that occurs at least `least` times, the most frequent first."""
    counts = Counter(word for text in texts for word in split_words(text))
    return (*SPECIAL, *(word for word, count in counts.most_common() if count >= least))


class ReportDecoder(nn.Module):
    """Cells -> words."""

    def __init__(self, config: ReportDecoderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.cells_in = nn.Linear(config.cell_numbers, width)
        self.slots = nn.Parameter(torch.randn(config.slots, width) * 0.02)
        encoder = nn.TransformerEncoderLayer(width, config.heads, config.inner, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(encoder, config.layers, enable_nested_tensor=False)
        decoder = nn.TransformerDecoderLayer(width, config.heads, config.inner, dropout=0.1, batch_first=True)
        self.decoder = nn.TransformerDecoder(decoder, config.layers)
        self.words = nn.Embedding(len(config.words), width, padding_idx=0)
        self.positions = nn.Embedding(config.longest + 2, width)
        self.out = nn.Linear(width, len(config.words))
        self._ids = {word: number for number, word in enumerate(config.words)}

    @property
    def start(self) -> int:
        """The token every text begins with."""
        return SPECIAL.index(START)

    def ids_of(self, text: str) -> list[int]:
        """Start, the words (at most the longest), end."""
        unknown = SPECIAL.index(UNKNOWN)
        words = [self._ids.get(word, unknown) for word in split_words(text)][: self.config.longest]
        return [self.start, *words, SPECIAL.index(END)]

    def seen(self, cells_BNC: Tensor) -> Tensor:
        """Cells -> memory [B, M, D]."""
        cells_BND = self.encoder(self.cells_in(cells_BNC))
        return torch.cat([cells_BND, self.slots.expand(cells_BNC.shape[0], -1, -1)], dim=1)

    def forward(self, memory_BMD: Tensor, ids_BT: Tensor) -> Tensor:
        """Logits of the word after each of the ids, [B, T, V]."""
        words = ids_BT.shape[1]
        x_BTD = self.words(ids_BT) + self.positions.weight[:words]
        later_TT = torch.ones(words, words, dtype=torch.bool).triu(1)
        return self.out(self.decoder(x_BTD, memory_BMD, tgt_mask=later_TT, tgt_is_causal=True))  # type: ignore[no-any-return]

    def loss(self, cells_BNC: Tensor, ids_BT: Tensor, weight_BT: Tensor) -> Tensor:
        """Weighted mean cross-entropy of the next word; padding has weight 0."""
        logits_BTV = self(self.seen(cells_BNC), ids_BT[:, :-1])
        each_BT = F.cross_entropy(logits_BTV.flatten(0, 1), ids_BT[:, 1:].flatten(), reduction="none")
        weights = weight_BT[:, 1:].flatten()
        return (each_BT * weights).sum() / weights.sum().clamp(min=1e-6)

    def next_log_probs(self, memory_1MD: Tensor, ids_BT: Tensor) -> Tensor:
        """Log-probabilities of the next word, [B, V]; never a special word but the end."""
        logits_BV = self(memory_1MD.expand(ids_BT.shape[0], -1, -1), ids_BT)[:, -1]
        kept = [SPECIAL.index(word) for word in (PAD, START, UNKNOWN)]
        return F.log_softmax(logits_BV.index_fill(1, torch.tensor(kept), float("-inf")), dim=-1)
