"""How far readers agree beyond chance: Cohen's kappa for two, Fleiss' kappa for any number, with 95 % intervals.

Sources: Cohen 1960; its large-sample standard error, Fleiss, Cohen and Everitt 1969; Fleiss 1971. Fleiss' interval is a bootstrap
over cases, because questions about one case are not independent.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ReviewError

Z95 = 1.959963984540054
DRAWS = 2_000
Tally = tuple[int, ...]


@dataclass(frozen=True)
class Kappa:
    """kappa: None where every reader gave one and the same verdict to all. low, high: 95 %. items: judged by all of them."""

    kappa: float | None
    low: float | None
    high: float | None
    agreement: float
    items: int


def cohen(first: Sequence[str], second: Sequence[str]) -> Kappa:
    """Two readers' verdicts on the same items, in the same order. ReviewError for none or unequal numbers."""
    if len(first) != len(second) or not first:
        raise ReviewError("Agreement needs the verdicts of both readers on the same answers, at least one.")
    n = len(first)
    words = sorted({*first, *second})
    share = {pair: count / n for pair, count in Counter(zip(first, second, strict=True)).items()}
    rows = {word: sum(share.get((word, other), 0.0) for other in words) for word in words}
    columns = {word: sum(share.get((other, word), 0.0) for other in words) for word in words}
    observed = sum(share.get((word, word), 0.0) for word in words)
    chance = sum(rows[word] * columns[word] for word in words)
    if math.isclose(chance, 1.0):
        return Kappa(None, None, None, observed, n)
    kappa = (observed - chance) / (1 - chance)
    a = sum(share.get((w, w), 0.0) * (1 - (rows[w] + columns[w]) * (1 - kappa)) ** 2 for w in words)
    b = (1 - kappa) ** 2 * sum(p * (columns[i] + rows[j]) ** 2 for (i, j), p in share.items() if i != j)
    c = (kappa - chance * (1 - kappa)) ** 2
    half = Z95 * math.sqrt(max(a + b - c, 0.0) / n) / (1 - chance)
    return Kappa(kappa, kappa - half, kappa + half, observed, n)


def fleiss(verdicts: Sequence[Sequence[str]], cases: Sequence[str], *, seed: int = 0) -> Kappa:
    """verdicts: one row an item, one of every reader in it; cases: whose item it is. ReviewError for fewer than two readers."""
    readers = len(verdicts[0]) if verdicts else 0
    if readers < 2 or any(len(row) != readers for row in verdicts) or len(cases) != len(verdicts):
        raise ReviewError("Agreement needs the verdicts of at least two readers on every answer.")
    words = sorted({word for row in verdicts for word in row})
    of_case: dict[str, Tally] = {}
    for case, row in zip(cases, verdicts, strict=True):
        of_case[case] = _added([of_case.get(case, (0,) * (len(words) + 2)), _tally(row, words)])
    tallies = list(of_case.values())
    kappa, agreement = _fleiss(_added(tallies), readers)
    if kappa is None:
        return Kappa(None, None, None, agreement, len(verdicts))
    chance = random.Random(seed)
    drawn = []
    for _draw in range(DRAWS):
        one, _agreement = _fleiss(_added(chance.choices(tallies, k=len(tallies))), readers)
        drawn.append(1.0 if one is None else one)
    drawn.sort()
    return Kappa(kappa, drawn[round(0.025 * (DRAWS - 1))], drawn[round(0.975 * (DRAWS - 1))], agreement, len(verdicts))


def _tally(row: Sequence[str], words: Sequence[str]) -> Tally:
    """(items, ordered pairs of readers who agree, how often each word) of one item."""
    counts = [row.count(word) for word in words]
    return (1, sum(n * (n - 1) for n in counts), *counts)


def _added(tallies: Sequence[Tally]) -> Tally:
    return tuple(map(sum, zip(*tallies, strict=True)))


def _fleiss(tally: Tally, readers: int) -> tuple[float | None, float]:
    """(kappa, share of pairs of readers who agree) of a tally."""
    items, agreeing, *counts = tally
    agreement = agreeing / (items * readers * (readers - 1))
    chance = sum((n / (items * readers)) ** 2 for n in counts)
    return (None if math.isclose(chance, 1.0) else (agreement - chance) / (1 - chance)), agreement
