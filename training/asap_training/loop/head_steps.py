"""The steps of training a small network: AdamW, warm-up and cosine, an average of the weights, checkpoints it goes on from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from asap_training.loop.checkpoint import load_newest, save_checkpoint
from asap_training.loop.runlog import LOG_NAME, json_line, keep_until

LOG_EVERY = 10


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. save_every: steps between checkpoints."""

    steps: int = 300
    learning_rate: float = 2e-3
    warmup_steps: int = 20
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average_decay: float = 0.98
    save_every: int = 50
    seed: int = 11


StepLoss = Callable[[np.random.Generator, int], Tensor]
StepDone = Callable[[int, float], bool]


def run_steps(
    model: nn.Module, loss_of: StepLoss, schedule: Schedule, out: Path, done: StepDone, *, last: int | None = None
) -> dict[str, Tensor]:
    """Train `model`, or go on where `out` stands; returns the averaged weights.

    loss_of: the loss of a step from its own generator, so that a resumed run draws the same samples. done: told the step and
    its loss after each; true ends the run with a checkpoint. last: leave what comes after this step for another time.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    out.mkdir(parents=True, exist_ok=True)
    first, began = load_newest(out, model, optimizer, average), time.monotonic()
    keep_until(out / LOG_NAME, first - 1)
    with (out / LOG_NAME).open("a") as log:
        end = min(schedule.steps, last or schedule.steps)
        for step in range(first, end):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(schedule, step)
            loss = loss_of(np.random.default_rng([schedule.seed, step]), step)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), schedule.clip_norm)
            if torch.isfinite(norm):
                optimizer.step()
            _average(average, model, min(schedule.average_decay, (1 + step) / (10 + step)))
            if step % LOG_EVERY == 0:
                rate = (step + 1 - first) / (time.monotonic() - began)
                log.write(json_line({"step": step, "loss": round(loss.item(), 4), "steps_per_s": round(rate, 3)}))
                log.flush()
            stop = done(step + 1, float(loss.detach()))
            if stop or (step + 1) % schedule.save_every == 0 or step + 1 == end:
                save_checkpoint(out, step + 1, model, optimizer, average)
            if stop:
                break
    return average


def learning_rate(schedule: Schedule, step: int) -> float:
    """Linear warm-up, then half a cosine to a hundredth."""
    warm = min(1.0, (step + 1) / schedule.warmup_steps)
    return schedule.learning_rate * warm * (0.505 + 0.495 * math.cos(math.pi * step / schedule.steps))


def _average(average: dict[str, Tensor], model: nn.Module, decay: float) -> None:
    for name, value in model.state_dict().items():
        average[name].lerp_(value, 1 - decay)
