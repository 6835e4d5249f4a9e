"""AdamW, its parameter groups, and the learning rate over a run (asap-method 1.9)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from asap_training.recipes import Optimisation


def adamw(model: nn.Module, settings: Optimisation) -> torch.optim.AdamW:
    """Weight decay on matrices and tokens, none on biases and norms. Frozen parameters are left out."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)


def learning_rate(settings: Optimisation, epoch: float, epochs: float) -> float:
    """At a fraction of an epoch: linear warm-up, then half a cosine that reaches zero at `epochs`.

    A run shortened to fewer epochs than the recipe has warms up in the same share of it.
    """
    warmup = settings.warmup_epochs * min(1.0, epochs / settings.epochs)
    if epoch < warmup:
        return settings.learning_rate * epoch / warmup
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min((epoch - warmup) / max(epochs - warmup, 1e-9), 1.0)))


def seed_step(seed: int, step: int, rank: int) -> None:
    """Set the random state of one step on one rank: a function of these three, so that a resumed run draws the same dropout."""
    torch.manual_seed(int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0]))
