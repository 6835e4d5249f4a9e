"""What the published benchmark sets for UNETR on each of its CT data sets (asap-method 2.2), by name.

Its cine MRI (ACDC) is left out: other patches, so that the pre-trained embedding goes unused, and intensities that are no HU. The
source gives one pass over the cases as an epoch and 16 or 32 windows of an image as a batch, without saying which set has which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from asap.models.load_unetr import HU_WINDOW
from asap_training.finetune_unetr import UnetrRecipe
from asap_training.loop.head_steps import Schedule

CROPS = 16


@dataclass(frozen=True)
class Published:
    """epochs, warmup_epochs: passes over the training cases. positive: share of windows around a label (1 of 2, or 3 of 4)."""

    learning_rate: float
    epochs: int
    warmup_epochs: int
    positive: float = 0.5
    hu_window: tuple[float, float] = HU_WINDOW

    def recipe(self, cases: int, seed: int) -> UnetrRecipe:
        """The recipe for a number of training cases: a step is one image. Weights are neither averaged nor gradients clipped."""
        schedule = Schedule(
            steps=self.epochs * cases,
            learning_rate=self.learning_rate,
            warmup_steps=self.warmup_epochs * cases,
            weight_decay=1e-5,
            clip_norm=math.inf,
            average_decay=0.0,
            save_every=max(100, cases),
            seed=seed,
        )
        return UnetrRecipe(schedule, images=1, crops=CROPS, positive=self.positive, hu_window=self.hu_window, foreground=True)


# A number behind the name is the per cent of the labels the setting is for.
PUBLISHED: dict[str, Published] = {
    "luna16": Published(1e-4, 1000, 100),
    "luna16-10": Published(1.5e-4, 1000, 50),
    "msd-lung": Published(1e-4, 1000, 50),
    "msd-lung-10": Published(1e-4, 1000, 100),
    "covid-19-20": Published(3e-4, 800, 80),  # of the two pairs the source gives, which is for 10 % is taken from LUNA16's order
    "covid-19-20-10": Published(3e-4, 1000, 50),
    "fumpe": Published(1e-3, 800, 5, positive=0.75),
    "segthor": Published(3e-4, 1000, 5, positive=0.75),
    "btcv": Published(3e-4, 2000, 100, hu_window=(-175.0, 250.0)),
}
