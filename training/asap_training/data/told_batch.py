"""Texts about cases as a batch of token ids with weights. Axes: B batch, N cells, C numbers of a cell, T tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from asap.models.report_decoder import ReportDecoder, split_words
from asap_training.data.told_cases import Told
from asap_training.token_weights import WeightedSpan, answer_weight, report_weights, weight_at

LONGEST_TOKENS = 384  # the published length, image tokens not counted


@dataclass(frozen=True, eq=False)
class TextBatch:
    """ids_BT, mask_BT (1 = text), weight_BT (0 = not learnt)."""

    ids_BT: Tensor
    mask_BT: Tensor
    weight_BT: Tensor


def language_batch(tokenizer: Any, told: Sequence[Told], *, longest: int = LONGEST_TOKENS) -> TextBatch:
    """Prompt, answer, end of text; only the answer and the end are learnt. The tokenizer must be a fast one (offsets)."""
    rows = [_language_row(tokenizer, one, longest) for one in told]
    return _padded(rows, tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)


def word_batch(decoder: ReportDecoder, told: Sequence[Told]) -> TextBatch:
    """Start, the words of the text, end, for the small decoder."""
    rows = []
    for one in told:
        ids = decoder.ids_of(one.answer)
        rows.append((ids, [0.0, *_word_weights(one.answer)[: len(ids) - 2], 1.0]))
    return _padded(rows, 0)


def _language_row(tokenizer: Any, told: Told, longest: int) -> tuple[list[int], list[float]]:
    prompt = list(tokenizer(f"{told.prompt}\n")["input_ids"])
    answer = tokenizer(told.answer, return_offsets_mapping=True, add_special_tokens=False)
    spans = _spans(told)
    weights = [weight_at(spans, start, end) for start, end in answer["offset_mapping"]]
    ids = [*prompt, *answer["input_ids"], tokenizer.eos_token_id][:longest]
    return ids, [*[0.0] * len(prompt), *weights, 1.0][:longest]


def _spans(told: Told) -> tuple[WeightedSpan, ...]:
    if told.kind is None:
        return report_weights(told.answer)
    return (WeightedSpan(0, len(told.answer), answer_weight(told.kind, told.answer)),)


def _word_weights(text: str) -> list[float]:
    spans, out, at = report_weights(text), [], 0
    lower = text.lower()
    for word in split_words(text):
        at = lower.index(word, at)
        out.append(weight_at(spans, at, at + len(word)))
        at += len(word)
    return out


def _padded(rows: Sequence[tuple[list[int], list[float]]], padding: int) -> TextBatch:
    length = max(len(ids) for ids, _ in rows)
    ids_BT = torch.full((len(rows), length), padding, dtype=torch.long)
    mask_BT = torch.zeros(len(rows), length, dtype=torch.long)
    weight_BT = torch.zeros(len(rows), length)
    for n, (ids, weights) in enumerate(rows):
        ids_BT[n, : len(ids)] = torch.tensor(ids)
        mask_BT[n, : len(ids)] = 1
        weight_BT[n, : len(ids)] = torch.tensor(weights)
    return TextBatch(ids_BT, mask_BT, weight_BT)
