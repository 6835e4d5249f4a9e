"""What a drafted report says of a sentence it does not stand by, for the picture of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Doubt:
    """state: "held back" or "contradicted". reason: why, as a sentence."""

    state: str
    reason: str


NO_DOUBTS: Mapping[int, Doubt] = MappingProxyType({})
NO_PROBABILITIES: Mapping[int, float] = MappingProxyType({})
