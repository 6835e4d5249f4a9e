"""A run of the tests' small recipe without an end, as the entry of pre-training makes it; started by torchrun."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from asap_training.pretrain import RunOptions, run
from tests.training.processes import small
from tests.training.synthetic import SyntheticReports

STEPS, SAVE_EVERY = 100_000, 1_000_000

if __name__ == "__main__":
    torch.set_num_threads(1)
    recipe = small(batch=1)
    options = RunOptions(Path(sys.argv[1]), steps=STEPS, save_every=SAVE_EVERY, workers=1)
    sys.exit(0 if run(recipe, SyntheticReports(recipe), options) else 143)
