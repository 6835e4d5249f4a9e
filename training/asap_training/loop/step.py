"""One optimisation step: micro-batches, precision, clipping, and what happens when a number is not finite."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from asap.errors import AsapError
from asap_training.data.batch import Batch, Counts
from asap_training.loop.distributed import Ranks, any_rank, summed
from asap_training.loop.precision import autocast
from asap_training.pretraining_model import PretrainingModel
from asap_training.recipes import Recipe
from asap_training.total_loss import total_loss

MAX_SKIPPED_IN_A_ROW = 10


class DivergedError(AsapError):
    """The loss is not finite any more; the checkpoints hold the last good weights."""


@dataclass(eq=False)
class Training:
    """What a step changes. skipped: steps left out in all; skipped_in_a_row: up to now."""

    recipe: Recipe
    ranks: Ranks
    model: PretrainingModel
    parallel: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    skipped: int = 0
    skipped_in_a_row: int = 0


def prepared(recipe: Recipe, ranks: Ranks, model: PretrainingModel, optimizer: torch.optim.Optimizer) -> Training:
    """Wrap the model for several processes and set up loss scaling where float16 needs it."""
    parallel: nn.Module = model
    if ranks.world > 1:
        parallel = DistributedDataParallel(model, device_ids=None if ranks.device.type == "cpu" else [ranks.device])
    scaler = torch.amp.GradScaler(ranks.device.type, enabled=recipe.optimisation.precision == "float16")
    return Training(recipe, ranks, model, parallel, optimizer, scaler)


def train_step(training: Training, batches: Sequence[Batch], learning_rate: float) -> dict[str, float]:
    """Forward and backward over the micro-batches of one step, then one update; the losses, averaged over all ranks.

    Where the loss or a gradient is not finite on any rank, no rank updates. DivergedError after ten such steps in a row.
    """
    ranks, settings = training.ranks, training.recipe.optimisation
    for group in training.optimizer.param_groups:
        group["lr"] = learning_rate
    training.optimizer.zero_grad(set_to_none=True)
    counts = common_counts(batches, ranks)
    sums: dict[str, Tensor] = {}
    for number, batch in enumerate(batches, start=1):
        for name, value in _backward(training, batch.with_counts(counts), len(batches), last=number == len(batches)).items():
            sums[name] = sums.get(name, torch.zeros_like(value)) + value / len(batches)
    training.scaler.unscale_(training.optimizer)
    limit = settings.clip_norm if settings.clip_norm is not None else float("inf")
    norm = nn.utils.clip_grad_norm_([p for p in training.model.parameters() if p.requires_grad], limit)
    finite = bool(torch.isfinite(norm)) and bool(torch.isfinite(sums["loss"]))
    applied = not any_rank(not finite, ranks.device)
    if applied:
        training.optimizer.step()
    training.scaler.update()
    _remember(training, applied)
    means = [x / ranks.world for x in summed([float(value) for value in sums.values()], ranks.device)]
    return dict(zip(sums, means, strict=True)) | {"gradient": float(norm), "skipped": training.skipped}


def common_counts(batches: Sequence[Batch], ranks: Ranks) -> Counts:
    """Means per micro-batch over the whole step and all ranks."""
    own = [batch.own_counts() for batch in batches]
    totals = [sum(getattr(c, name) for c in own) for name in ("sentences", "report_positions", "regions", "studies")]
    return Counts(*(total / (len(batches) * ranks.world) for total in summed(totals, ranks.device)))


def _backward(training: Training, batch: Batch, parts: int, *, last: bool) -> dict[str, Tensor]:
    """Add one micro-batch's gradients; ranks exchange them after the last."""
    parallel, precision = training.parallel, training.recipe.optimisation.precision
    waiting = not last and isinstance(parallel, DistributedDataParallel)
    with parallel.no_sync() if waiting else nullcontext():  # type: ignore[operator]
        with autocast(precision, training.ranks.device):
            outputs = parallel(batch)
        loss, stats = total_loss(outputs, batch, training.recipe)
        training.scaler.scale(loss / parts).backward()  # type: ignore[no-untyped-call]
    return stats


def _remember(training: Training, applied: bool) -> None:
    training.skipped += not applied
    training.skipped_in_a_row = 0 if applied else training.skipped_in_a_row + 1
    if training.skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
        raise DivergedError(
            f"The loss was not finite in {MAX_SKIPPED_IN_A_ROW} steps in a row and training stopped; the checkpoint is good. "
            "Lower the learning rate, or train in bfloat16 or float32."
        )
