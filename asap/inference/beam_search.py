"""Beam search with trigram blocking over any model of the next token; tokens are handed on as soon as all beams agree on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from asap.pause import Pause, no_pause

END = 1  # token that ends a text; 0 is padding

NextLogProbs = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class StopRules:
    """When writing ends, and what may not be written. The defaults are the published ones (asap-method 2.4).

    longest: tokens at most. beams: texts kept at a time. blocked_gram: no run of so many tokens occurs twice; 0 allows all.
    """

    longest: int = 150
    beams: int = 3
    blocked_gram: int = 3


@dataclass(frozen=True)
class _Beam:
    ids: tuple[int, ...]
    log_p: float
    ended: bool = False

    @property
    def worth(self) -> float:
        return self.log_p / max(1, len(self.ids))


def searched(next_log_probs: NextLogProbs, start: int, rules: StopRules, *, pause: Pause = no_pause) -> Iterator[int]:
    """Tokens of the best text found, without start and end, each as soon as it is certain.

    next_log_probs: ids [B, T] with the start token -> log-probabilities of the next token [B, V]. pause: called at every step.
    """
    beams = [_Beam((), 0.0)]
    told = 0
    for _ in range(rules.longest):
        pause()
        beams = _extended(next_log_probs, start, beams, rules)
        agreed = _agreed(beams)
        yield from beams[0].ids[told:agreed]
        told = max(told, agreed)
        if all(beam.ended for beam in beams):
            break
    best = max(beams, key=lambda beam: beam.worth)
    yield from best.ids[told:]


def _extended(next_log_probs: NextLogProbs, start: int, beams: list[_Beam], rules: StopRules) -> list[_Beam]:
    """The best continuations of all beams; an ended beam stands as it is."""
    live = [beam for beam in beams if not beam.ended]
    candidates = [beam for beam in beams if beam.ended]
    log_p_BV = next_log_probs(torch.tensor([[start, *beam.ids] for beam in live]))
    for beam, log_p_V in zip(live, log_p_BV, strict=True):
        blocked = torch.tensor(sorted(_blocked(beam.ids, rules.blocked_gram)), dtype=torch.long)
        best = log_p_V.index_fill(0, blocked, float("-inf")).topk(min(rules.beams, len(log_p_V)))
        for log_p, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            ids = beam.ids if token == END else (*beam.ids, token)
            candidates.append(_Beam(ids, beam.log_p + log_p, ended=token == END))
    return sorted(candidates, key=lambda beam: -beam.worth)[: rules.beams]


def _blocked(ids: tuple[int, ...], gram: int) -> set[int]:
    """Tokens that would repeat a run of `gram` tokens."""
    if gram == 0 or len(ids) < gram - 1:
        return set()
    tail = ids[len(ids) - gram + 1 :]
    return {ids[n + gram - 1] for n in range(len(ids) - gram + 1) if ids[n : n + gram - 1] == tail}


def _agreed(beams: list[_Beam]) -> int:
    """How many first tokens all beams share."""
    shortest = min(len(beam.ids) for beam in beams)
    return next((n for n in range(shortest) if len({beam.ids[n] for beam in beams}) > 1), shortest)
