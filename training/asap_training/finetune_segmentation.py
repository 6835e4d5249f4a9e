"""Teach a head of `asap-mini` the labels of a few cases: supervised, or with unlabelled cases beside them. The trunk stays.

Supervised: Dice with cross-entropy on boxes. Semi-supervised: two heads, each also taught by the other on CutMix mixtures of
unlabelled boxes (`objectives.cross_pseudo`), after a time with the labelled ones alone and then with a slowly rising weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from asap.errors import InputError
from asap.inference.learnt_labels import LearntLabels
from asap.models.load import preferred_dtype
from asap.models.segmentation_head import HeadConfig, SegmentationHead
from asap_training.data.case import name_digest
from asap_training.data.labelled_cases import LabelledCase, box_of
from asap_training.loop.head_steps import Schedule, StepDone, run_steps
from asap_training.objectives.cross_pseudo import TwoNetworks, Unlabelled, cross_pseudo_loss, cut_mask, of_the_first
from asap_training.objectives.segmentation import dice_ce_loss
from asap_training.tasks.metrics import dice

Boxes = tuple[Tensor, Tensor, Tensor]  # images, cells, labels


@dataclass(frozen=True)
class Recipe:
    """side: voxels of a box, a multiple of 4. boxes: in a step. unlabelled: of semi-supervised learning."""

    schedule: Schedule = field(default_factory=Schedule)
    side: int = 48
    boxes: int = 2
    width: int = 32
    unlabelled: Unlabelled = field(default_factory=Unlabelled)


def finetune(
    labelled: Sequence[LabelledCase],
    unlabelled: Sequence[LabelledCase],
    *,
    outputs: int,
    recipe: Recipe,
    out: Path,
    done: StepDone,
    start: dict[str, Tensor] | None = None,
) -> tuple[HeadConfig, dict[str, Tensor]]:
    """Sizes and averaged weights of a head with `outputs` classes; goes on where `out` stands.

    unlabelled: empty for supervised learning. start: weights of an earlier head, taken where they fit. done: see `run_steps`.
    Raises InputError without a labelled case.
    """
    if not labelled:
        raise InputError("There is no case to learn from: submit labels of at least one chest CT.")
    config = HeadConfig(trunk=labelled[0].cells_CABC.shape[0], width=recipe.width, outputs=outputs)
    torch.manual_seed(recipe.schedule.seed)
    model: nn.Module = SegmentationHead(config)
    if unlabelled:
        model = TwoNetworks(model, SegmentationHead(config))
    # The second of two begins anew: two heads that agree in everything have nothing to teach each other.
    take_over(model.one if isinstance(model, TwoNetworks) else model, start)
    model = model.to(memory_format=torch.channels_last_3d)

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        labels = _batch(labelled, recipe, rng)
        if not isinstance(model, TwoNetworks):
            return dice_ce_loss(_network(model)(*labels[:2]), labels[2])
        weight = recipe.unlabelled.weight_at(step, recipe.schedule.steps)
        taught = sum((dice_ce_loss(_network(head)(*labels[:2]), labels[2]) for head in (model.one, model.two)), torch.zeros(()))
        return taught if weight == 0 else taught + weight * _unlabelled_loss(model, unlabelled, recipe, rng)

    average = run_steps(model, loss, recipe.schedule, out, done)
    return config, of_the_first(average) if unlabelled else average


def take_over(head: nn.Module, start: dict[str, Tensor] | None) -> None:
    """Copy an earlier head's weights wherever name and shape agree: other labels keep all but the last layer."""
    if start is not None:
        own = head.state_dict()
        fitting = {name: value.float() for name, value in start.items() if name in own and own[name].shape == value.shape}
        head.load_state_dict(own | fitting)


def mean_dice(head: LearntLabels, cases: Sequence[LabelledCase]) -> float:
    """Mean over the cases of the mean Dice of their labels, on the network's voxels; nan without a labelled case."""
    scores = [float(np.nanmean(case_dice(head, case))) for case in cases if case.labels is not None]
    return float(np.mean(scores)) if scores else float("nan")


def case_dice(head: LearntLabels, case: LabelledCase) -> list[float]:
    """Dice of each label of one case; nan where it is neither there nor found."""
    if case.labels is None:
        raise ValueError("this case has no labels")
    answer = head.shares(case.image_11HWD, case.cells_CABC.float()).argmax(dim=0).numpy()
    truth = case.labels.numpy()
    return [dice(answer == value, truth == value) for value in range(1, len(head.labels) + 1)]


def held_out(cases: Sequence[LabelledCase], share: float = 0.2) -> tuple[list[LabelledCase], list[LabelledCase]]:
    """Cases to learn from, and every fifth to score on: by their images' names alone, so that each stays on its side."""
    ordered = sorted(cases, key=lambda case: name_digest(case.image))
    kept = [case for case in ordered if int(name_digest(case.image)[:8], 16) / 2**32 < share]
    if not kept and len(ordered) > 1:
        kept = ordered[:1]
    if len(kept) == len(ordered):
        kept = kept[:-1]
    sides = {case.image for case in kept}
    return [case for case in ordered if case.image not in sides], kept


def _batch(cases: Sequence[LabelledCase], recipe: Recipe, rng: np.random.Generator) -> Boxes:
    boxes = [box_of(cases[int(rng.integers(len(cases)))], rng, recipe.side) for _ in range(recipe.boxes)]
    images, cells = (torch.stack(parts) for parts in list(zip(*boxes, strict=True))[:2])
    labels = [torch.zeros(image.shape[1:], dtype=torch.long) if label is None else label for image, _, label in boxes]
    return images, cells, torch.stack(labels)


def _unlabelled_loss(model: TwoNetworks, unlabelled: Sequence[LabelledCase], recipe: Recipe, rng: np.random.Generator) -> Tensor:
    one, other = (_batch(unlabelled, recipe, rng)[:2] for _ in range(2))
    mask_HWD = cut_mask((recipe.side,) * 3, rng)
    return cross_pseudo_loss((_network(model.one), _network(model.two)), one, other, mask_HWD, recipe.unlabelled.sure)


def _network(head: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    def run(image: Tensor, cells: Tensor) -> Tensor:
        # Emulated bfloat16 takes three times as long as float32 where the processor has no instructions for it.
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=preferred_dtype() == torch.bfloat16):
            logits: Tensor = head(image, cells)
        return logits.float()

    return run


def shorter(recipe: Recipe, steps: int) -> Recipe:
    """The recipe over another number of steps."""
    return replace(recipe, schedule=replace(recipe.schedule, steps=steps))
