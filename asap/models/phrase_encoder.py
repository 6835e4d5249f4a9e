"""The small offline text side of `asap-mini`: what the rules understood of a sentence, plus its words.

Concept tokens (`asap.text.concepts`) carry the meaning that must not depend on the wording; hashed words and word stems carry
the rest, so that a phrase no rule knows still says something. No vocabulary file, no download.
Axes: S sentences, L tokens, W width, P parts, F features.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.mini_image import MiniConfig
from asap.models.vit import Block
from asap.report import Sentence
from asap.text.concepts import concept_tokens

MAX_WORDS = 48
MAX_CONCEPTS = 16
STEM_LETTERS = 5
_WORD = re.compile(r"[a-z]+|\d+")
ABSENT_BIAS = -3.0


@dataclass(frozen=True, eq=False)
class PhraseBatch:
    """Token ids of S sentences, padded to one length. concept_SL: ids, word_SL and stem_SL: hash buckets; 0 is padding."""

    concept_SL: Tensor
    word_SL: Tensor
    stem_SL: Tensor


def tokenise(sentences: Sequence[Sentence], config: MiniConfig) -> PhraseBatch:
    """Ids of each sentence's concepts and words, from 1 on. Word hashes are CRC-32 and so the same on every machine.

    A concept the model was not trained with is left out.
    """
    ids = {token: 1 + index for index, token in enumerate(config.concepts)}
    buckets = config.word_buckets
    concepts = [[ids[token] for token in concept_tokens(s) if token in ids][:MAX_CONCEPTS] for s in sentences]
    words = [_WORD.findall(s.text.lower())[:MAX_WORDS] for s in sentences]
    return PhraseBatch(
        _padded(concepts),
        _padded([[_bucket(word, buckets) for word in row] for row in words]),
        _padded([[_bucket("^" + word[:STEM_LETTERS], buckets) for word in row] for row in words]),
    )


def _bucket(word: str, buckets: int) -> int:
    return 1 + zlib.crc32(word.encode()) % (buckets - 1)


def _padded(rows: list[list[int]]) -> Tensor:
    out = torch.zeros(len(rows), max(1, *(len(row) for row in rows)) if rows else 1, dtype=torch.long)
    for ids, row in zip(out, rows, strict=True):
        ids[: len(row)] = torch.tensor(row, dtype=torch.long)
    return out


class PhraseEncoder(nn.Module):
    """A sentence -> one unit feature and one bias per part of the match."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.config = config
        width = config.text_width
        self.concepts = nn.Embedding(1 + len(config.concepts), width, padding_idx=0)
        self.words = nn.Embedding(config.word_buckets, width, padding_idx=0)
        self.stems = nn.Embedding(config.word_buckets, width, padding_idx=0)
        self.word_positions = nn.Embedding(MAX_WORDS, width)
        self.start = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(Block(width, width // 64) for _ in range(config.text_depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.out = nn.Linear(width, config.parts * (config.features + 1))
        for table in (self.concepts, self.words, self.stems, self.word_positions):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.normal_(self.start, std=0.02)
        with torch.no_grad():  # at first no cell fits any sentence: the many empty cells do not drown the few that count
            self.out.bias.view(config.parts, config.features + 1)[:, -1] = ABSENT_BIAS

    def forward(self, batch: PhraseBatch) -> tuple[Tensor, Tensor]:
        """Unit features [S, P, F] and biases [S, P], float32."""
        words_SLW = self.words(batch.word_SL) + self.stems(batch.stem_SL)
        words_SLW = words_SLW + self.word_positions.weight[: batch.word_SL.shape[1]]
        start_SLW = self.start.expand(batch.word_SL.shape[0], -1, -1)
        x_SLW = torch.cat([start_SLW, self.concepts(batch.concept_SL), words_SLW], dim=1)
        known_SL = torch.cat([torch.ones_like(batch.word_SL[:, :1]), batch.concept_SL, batch.word_SL], dim=1) > 0
        for block in self.blocks:
            x_SLW = block(x_SLW, known_SL[:, None, None, :])
        out_SPF = self.out(self.norm(x_SLW[:, 0])).float().unflatten(-1, (self.config.parts, self.config.features + 1))
        return F.normalize(out_SPF[..., :-1], dim=-1), out_SPF[..., -1]
