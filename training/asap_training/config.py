"""What a training run is made of, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field

from asap.models.mini_image import MiniConfig


@dataclass(frozen=True)
class MiniRecipe:
    """The run that makes `asap-mini`. Weights multiply the losses; jitter_mm moves the field of view at random.

    organ_share: of the sentences about organs, which are two thirds of what a report says and the first to be learnt.
    """

    model: MiniConfig = field(default_factory=MiniConfig)
    steps: int = 3000
    volumes_per_step: int = 2
    tellings: int = 2
    absent_queries: int = 10
    organ_share: float = 0.15
    learning_rate: float = 6e-4
    warmup_steps: int = 150
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    pointing_weight: float = 1.0
    extent_weight: float = 1.0
    presence_weight: float = 0.5
    alignment_weight: float = 0.1
    alignment_cells: int = 16
    word_dropout: float = 0.3
    concept_dropout: float = 0.1
    jitter_mm: float = 24.0
    seed: int = 7
