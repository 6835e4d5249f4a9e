"""Report tokens -> the texts of a sample: findings with their sentences, and the report with words hidden (asap-method 1.6)."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.models.text_encoder import TextEncoder
from asap.models.wordpiece import CLS, MASK, PAD, SEP, WordPiece
from asap_training.masking import masked_report
from asap_training.recipes import Recipe

Ids = NDArray[np.int64]


def text_fields(
    findings_ids: Ids, findings_sentences: Ids, report_ids: Ids, recipe: Recipe, rng: np.random.Generator
) -> dict[str, Tensor]:
    """The fields of a `Sample` that hold text, from ids without padding.

    The report stays as long as it is, or is padded where the recipe scores padding too.
    """
    everywhere = recipe.report_scope == "all"
    length = recipe.model.text.max_positions if everywhere else len(report_ids)
    ids_L = torch.from_numpy(np.pad(report_ids, (0, length - len(report_ids)), constant_values=PAD))
    draw_L = torch.from_numpy(rng.random(length))
    kept = (SEP,) if everywhere else (SEP, PAD)
    masked_L = masked_report(ids_L, draw_L, recipe.report_masked_share, MASK, kept)
    return {
        "findings_ids_L": torch.from_numpy(findings_ids),
        "findings_sentences_L": torch.from_numpy(findings_sentences),
        "report_ids_L": ids_L,
        "report_masked_L": masked_L,
        "report_scored_L": torch.ones_like(ids_L, dtype=torch.bool) if everywhere else masked_L != ids_L,
    }


def tokenizer_digest(tokenizer: WordPiece) -> str:
    """sha256 of the tokenizer's JSON form."""
    return hashlib.sha256(tokenizer.to_json().encode()).hexdigest()


def text_encoder_digest(encoder: TextEncoder) -> str:
    """sha256 of a text encoder's parameters in float32, by name: whose states are whose, whatever else the weights hold."""
    digest = hashlib.sha256()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().to("cpu", torch.float32).contiguous().numpy().data.cast("B"))
    return digest.hexdigest()


def sentence_keys(ids: Ids, sentence_ids: Ids) -> Tensor:
    """One number per sentence, not 0, the same for the same tokens."""
    sentences = range(1, int(sentence_ids.max(initial=0)) + 1)
    words = [ids[(sentence_ids == s) & (ids != CLS)] for s in sentences]
    return torch.tensor([1 + zlib.crc32(part.tobytes()) for part in words], dtype=torch.int64)
