"""Report text -> WordPiece ids and sentence numbers, as the published model was trained (asap-method 1.6).

The tokenizer is the JSON file beside the weights (`tokenizers` format). L is the number of token positions.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asap.errors import WeightsError
from asap.limits import MAX_TOKENIZER_BYTES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, UNK, CLS, SEP, MASK = 0, 1, 2, 3, 4
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDPIECE_KEYS = {
    "type": "WordPiece",
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
}
_ONE_DIGIT = re.compile(r"[0-9]\Z")


@dataclass(frozen=True)
class EncodedReport:
    """ids, mask (1 = token) and sentence_ids (0 = none, 1..S), each int64 [L]."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    sentence_ids: NDArray[np.int64]


class WordPiece:
    """Ids of reports and single sentences. Build with `from_file` or `from_vocabulary`."""

    def __init__(self, tokenizer: Tokenizer, max_positions: int) -> None:
        self._tokenizer = tokenizer
        self.max_positions = max_positions
        self.vocabulary_size: int = tokenizer.get_vocab_size()
        vocabulary = tokenizer.get_vocab()
        if [vocabulary.get(token) for token in SPECIAL_TOKENS] != [PAD, UNK, CLS, SEP, MASK]:
            raise WeightsError("The tokenizer's special tokens are not [PAD], [UNK], [CLS], [SEP], [MASK] = 0..4.")
        self._full_stop: int = vocabulary.get(".", -1)
        self._digits = frozenset(i for token, i in vocabulary.items() if _ONE_DIGIT.match(token))

    @classmethod
    def from_file(cls, path: Path, max_positions: int = 512) -> WordPiece:
        """Read the JSON file of a tokenizer; WeightsError when it is too large, not JSON or not a WordPiece."""
        try:
            if path.stat().st_size > MAX_TOKENIZER_BYTES:
                raise WeightsError("The tokenizer file is larger than any WordPiece vocabulary.")
            return cls.from_json(path.read_text(encoding="utf-8"), max_positions)
        except (OSError, UnicodeDecodeError) as error:
            raise WeightsError("The tokenizer file cannot be read.") from error

    @classmethod
    def from_json(cls, text: str, max_positions: int = 512) -> WordPiece:
        """From the text of the JSON file. Only the vocabulary is taken from it; normalising and splitting are fixed here."""
        try:
            data = json.loads(text)
            vocabulary = data["model"]["vocab"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise WeightsError("The tokenizer file is not a tokenizer in JSON form.") from error
        model = data["model"]
        known = all(model.get(key, value) == value for key, value in WORDPIECE_KEYS.items())
        words = isinstance(vocabulary, dict) and all(type(i) is int and i >= 0 for i in vocabulary.values())
        if not known or not words or len(set(vocabulary.values())) != len(vocabulary):
            raise WeightsError("The tokenizer is not a WordPiece with one number for each token.")
        return cls(_tokenizer(vocabulary), max_positions)

    @classmethod
    def from_vocabulary(cls, words: tuple[str, ...], max_positions: int = 512) -> WordPiece:
        """A tokenizer of the special tokens followed by `words`, numbered in this order."""
        return cls(_tokenizer({word: i for i, word in enumerate((*SPECIAL_TOKENS, *words))}), max_positions)

    def to_json(self) -> str:
        """The text of a JSON file `from_file` reads back."""
        return str(self._tokenizer.to_str())

    def encode_report(self, text: str) -> EncodedReport:
        """A whole report, truncated or padded to `max_positions`, with the published sentence rule."""
        ids = self._ids(text)
        padded = np.full(self.max_positions, PAD, dtype=np.int64)
        padded[: len(ids)] = ids
        return EncodedReport(padded, (np.arange(self.max_positions) < len(ids)).astype(np.int64), self._sentence_ids(padded))

    def encode_sentence(self, text: str) -> EncodedReport:
        """ "[CLS] sentence" without padding; every token after [CLS] belongs to sentence 1, whatever its punctuation."""
        ids = np.asarray(self._ids(text), dtype=np.int64)
        ones = np.ones_like(ids)
        return EncodedReport(ids, ones, ones)

    def _ids(self, text: str) -> list[int]:
        encoded: Any = self._tokenizer.encode(clean(text))
        return list(encoded.ids[: self.max_positions])

    def _sentence_ids(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """A sentence ends at a full stop neither of whose neighbours is a one-digit token; the last position never ends one.

        Text after the last end keeps 0. The rule splits decimals made of two multi-digit tokens, as the published one does.
        """
        sentence_ids = np.zeros_like(ids)
        start, number = 0, 0
        for stop in np.flatnonzero(ids[:-1] == self._full_stop):
            neighbours = {int(ids[max(stop - 1, 0)]), int(ids[stop + 1])}
            if not neighbours & self._digits:
                number += 1
                sentence_ids[start : stop + 1] = number
                start = stop + 1
        return sentence_ids


def clean(text: str) -> str:
    """The published cleaning rules, in their order."""
    text = "[CLS] " + text
    for old, new in (("?", ""), ("(", "( "), (")", " ) "), ("  ", " "), (":", ","), (";", ",")):
        text = text.replace(old, new)
    return text


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    """Lower case, NFKD, accents stripped; split at white space and punctuation, then digit groups; WordPiece."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers  # noqa: PLC0415 - only who reads text pays for it

    model = models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.NFKD(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False)]
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer
