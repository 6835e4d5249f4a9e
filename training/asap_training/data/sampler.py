"""Which case a rank reads next: a pure function of seed, position and rank, so that resuming needs no saved state.

A run draws samples 0, 1, 2, ...; every epoch is one permutation of the cases. A step's samples are a block of that sequence, cut
into micro-batches and these into ranks, so that two ranks with batch B read what one rank with batch 2B reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def case_of(number: int, seed: int, cases: int) -> tuple[int, int]:
    """(epoch, index of the case) of sample `number`."""
    epoch, place = divmod(number, cases)
    return epoch, int(_order(seed, epoch, cases)[place])


def numbers(position: int, end: int, *, rank: int, world: int, batch: int) -> Iterator[int]:
    """Sample numbers of one rank from `position` (samples all ranks have read together) up to `end`."""
    for start in range(position, end, world * batch):
        yield from range(start + rank * batch, start + (rank + 1) * batch)


def sample_rng(seed: int, number: int) -> np.random.Generator:
    """The generator of everything that is drawn for one sample."""
    return np.random.default_rng([seed, number, 2])


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, cases: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch, 1]).permutation(cases)
