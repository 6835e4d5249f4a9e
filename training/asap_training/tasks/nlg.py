"""Text scores of drafted reports: BLEU 1-4, ROUGE-L and CIDEr, as the COCO caption evaluation computes them; one reference each.

Texts come as lists of words; `words_of` splits them as the published report code does, `ptb.py` as the caption evaluation itself.
Sources: Papineni et al. 2002 (BLEU, corpus level, closest length), Lin 2004 (ROUGE-L, beta 1.2), Vedantam et al. 2015 (CIDEr).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Words = Sequence[str]
Grams = Counter[tuple[str, ...]]
LONGEST_GRAM = 4
ROUGE_BETA = 1.2
CIDER_SCALE = 10.0
# As in the caption evaluation: no division by zero, and no score changed in its first ten digits.
TINY, SMALL = 1e-15, 1e-9


@dataclass(frozen=True)
class TextScores:
    """Scores of a set of texts. bleu: BLEU-1 to BLEU-4 of the whole corpus; the others are means over the texts."""

    bleu: tuple[float, float, float, float]
    rouge_l: float
    cider: float


def words_of(text: str) -> list[str]:
    """Lower case, split at blanks."""
    return text.lower().split()


def text_scores(references: Sequence[Words], drafts: Sequence[Words]) -> TextScores:
    """All scores of drafts against their references, in order. Raises ValueError for lists of different lengths, or none."""
    if len(references) != len(drafts) or not references:
        raise ValueError("every draft needs its reference")
    rouge = sum(rouge_l(r, d) for r, d in zip(references, drafts, strict=True)) / len(drafts)
    return TextScores(corpus_bleu(references, drafts), rouge, cider(references, drafts))


def corpus_bleu(references: Sequence[Words], drafts: Sequence[Words]) -> tuple[float, float, float, float]:
    """BLEU-1 to BLEU-4: geometric mean of clipped precisions over the corpus, times the brevity penalty."""
    matched, guessed = [0] * LONGEST_GRAM, [0] * LONGEST_GRAM
    for reference, draft in zip(references, drafts, strict=True):
        for n in range(1, LONGEST_GRAM + 1):
            own, theirs = _grams(draft, n), _grams(reference, n)
            matched[n - 1] += sum(min(count, theirs[gram]) for gram, count in own.items())
            guessed[n - 1] += max(0, len(draft) - n + 1)
    ratio = (sum(map(len, drafts)) + TINY) / (sum(map(len, references)) + SMALL)
    penalty = math.exp(1.0 - 1.0 / ratio) if ratio < 1.0 else 1.0
    product, out = 1.0, []
    for n, (hits, total) in enumerate(zip(matched, guessed, strict=True), start=1):
        product *= (hits + TINY) / (total + SMALL)
        out.append(product ** (1.0 / n) * penalty)
    return out[0], out[1], out[2], out[3]


def rouge_l(reference: Words, draft: Words) -> float:
    """F of the longest common subsequence, recall weighted by 1.2 squared."""
    if not reference or not draft:
        return 0.0
    common = _longest_common(reference, draft)
    if common == 0:
        return 0.0
    precision, recall = common / len(draft), common / len(reference)
    return (1 + ROUGE_BETA**2) * precision * recall / (recall + ROUGE_BETA**2 * precision)


def cider(references: Sequence[Words], drafts: Sequence[Words]) -> float:
    """Mean over texts of the mean over n of the cosine of their tf-idf vectors, times ten.

    Document frequencies are those of the references; as in the caption evaluation, counts are not divided by the length.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for reference in references:
        seen.update(gram for n in range(1, LONGEST_GRAM + 1) for gram in _grams(reference, n))
    log_documents = math.log(float(len(references)))
    total = 0.0
    for reference, draft in zip(references, drafts, strict=True):
        for n in range(1, LONGEST_GRAM + 1):
            own, theirs = (_weighted(_grams(words, n), seen, log_documents) for words in (draft, reference))
            total += _clipped_cosine(own, theirs) * _length_penalty(draft, reference)
    return CIDER_SCALE * total / (LONGEST_GRAM * len(drafts))


def _grams(words: Words, n: int) -> Grams:
    return Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))


def _weighted(grams: Grams, seen: Grams, log_documents: float) -> dict[tuple[str, ...], float]:
    return {gram: count * (log_documents - math.log(max(1.0, seen[gram]))) for gram, count in grams.items()}


def _clipped_cosine(own: dict[tuple[str, ...], float], theirs: dict[tuple[str, ...], float]) -> float:
    product = sum(min(weight, theirs[gram]) * theirs[gram] for gram, weight in own.items() if gram in theirs)
    norm = math.sqrt(sum(w * w for w in own.values())) * math.sqrt(sum(w * w for w in theirs.values()))
    return product / norm if norm else product


def _length_penalty(draft: Words, reference: Words) -> float:
    """Gaussian of the difference in length (in bigrams, as the caption evaluation counts), sigma 6."""
    difference = max(0, len(draft) - 1) - max(0, len(reference) - 1)
    return math.exp(-(difference**2) / (2 * 6.0**2))


def _longest_common(one: Words, other: Words) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        diagonal = 0
        for n, candidate in enumerate(other, start=1):
            above = row[n]
            row[n] = diagonal + 1 if word == candidate else max(above, row[n - 1])
            diagonal = above
    return row[-1]
