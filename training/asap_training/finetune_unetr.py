"""Fine-tune UNETR on a pre-trained encoder, all of it, as the published benchmark does (asap-method 2.2).

Windows of 96 x 96 x 48 voxels at the encoder's own spacing, around a labelled voxel as often as anywhere; flips and quarter turns
with a probability of .2 each; Dice with cross-entropy; AdamW with a weight decay of 1e-5; scored by sliding window. What the
benchmark sets for each data set stands in `unetr_recipes`. With unlabelled cases: two networks that teach each other on CutMix
mixtures of windows (`objectives.cross_pseudo`), of which the first is kept.
Axes: H W D voxels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.errors import InputError
from asap.inference.learnt_labels import nearest_labels
from asap.inference.whole_volume import shares, whole_grid
from asap.io.read import read_labels, read_volume
from asap.models.load import LoadedAsap, frozen
from asap.models.load_unetr import HU_WINDOW, LoadedUnetr, UnetrConfig, write_unetr
from asap.models.unetr import FEATURES, ROI, SKIPS, Unetr, window_config
from asap.preprocess import to_network_grid
from asap.segmentation import bounding_box
from asap_training.data.datasets.decathlon import Decathlon, ImageWithLabel
from asap_training.loop.head_steps import Schedule, StepLoss, run_steps
from asap_training.objectives.cross_pseudo import TwoNetworks, Unlabelled, cross_pseudo_loss, cut_mask, of_the_first
from asap_training.objectives.segmentation import dice_ce_loss
from asap_training.tasks.metrics import dice

SOURCE = "UNETR fine-tuned by asap-train finetune segmentation"
LICENCE = "that of the labels it was trained on"
Say = Callable[[str], None]


@dataclass(frozen=True)
class UnetrRecipe:
    """images, crops: images a step, and windows of each. window: its voxels. features: channels of the last step up.

    positive, changed: shares of windows around a label, and of those flipped or turned, each axis by itself. hu_window: what
    becomes -1 and 1. foreground: windows come from the box around all that is brighter than the middle of it (MONAI's
    CropForeground on the scaled image). unlabelled: of semi-supervised learning.
    """

    schedule: Schedule = field(
        default_factory=lambda: Schedule(steps=1000, learning_rate=1e-4, warmup_steps=100, weight_decay=1e-5, save_every=100)
    )
    images: int = 2
    crops: int = 1
    window: tuple[int, int, int] = ROI
    features: int = FEATURES
    positive: float = 0.5
    changed: float = 0.2
    hu_window: tuple[float, float] = HU_WINDOW
    foreground: bool = False
    unlabelled: Unlabelled = field(default_factory=Unlabelled)


@dataclass(frozen=True, eq=False)
class WholeCase:
    """image [H, W, D] in [-1, 1] at the network's spacing, labels [H, W, D] uint8, 0 none; None where nobody drew any."""

    image: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class UnetrOutcome:
    """dice: of each label, mean over the held-out cases; None where none has it. finished: False when it was stopped."""

    finished: bool
    learnt_from: int
    held_out: int
    dice: dict[str, float | None]


def whole_case(case: ImageWithLabel, config: UnetrConfig) -> WholeCase:
    """Read and resample one. Raises InputError for what cannot be read."""
    volume = read_volume(case.image)
    image, mapped = to_network_grid(volume, whole_grid(volume, config))
    if case.label is None:
        return WholeCase(image[0, 0], None)
    labels, affine = read_labels(case.label)
    h, w, d = image.shape[2:]
    return WholeCase(image[0, 0], torch.from_numpy(nearest_labels(labels, affine, (h, w, d), mapped.voxel_affine)))


def foreground_of(case: WholeCase) -> WholeCase:
    """The box around what is brighter than the middle of the HU window; all where nothing is."""
    box = bounding_box((case.image > 0).numpy())
    if box is None:
        return case
    return WholeCase(case.image[box], None if case.labels is None else case.labels[box])


def window_of(case: WholeCase, recipe: UnetrRecipe, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A window [1, H, W, D] and its labels [H, W, D]; where the image is smaller, zeros and no label."""
    window = recipe.window
    short = [max(0, w - n) for w, n in zip(window, case.image.shape, strict=True)]
    padding = [edge for s in reversed(short) for edge in (s // 2, s - s // 2)]
    drawn = torch.zeros_like(case.image, dtype=torch.uint8) if case.labels is None else case.labels
    image, labels = F.pad(case.image, padding), F.pad(drawn, padding)
    highest = np.array(image.shape) - window
    first = rng.integers(0, highest + 1)
    marked = labels.nonzero()
    if len(marked) and rng.random() < recipe.positive:
        first = np.clip(marked[int(rng.integers(len(marked)))].numpy() - np.array(window) // 2, 0, highest)
    box = tuple(slice(int(s), int(s) + w) for s, w in zip(first, window, strict=True))
    image, labels = image[box], labels[box].long()
    for axis in range(3):
        if rng.random() < recipe.changed:
            image, labels = image.flip(axis), labels.flip(axis)
    if window[0] == window[1] and rng.random() < recipe.changed:
        turns = int(rng.integers(1, 4))
        image, labels = image.rot90(turns), labels.rot90(turns)
    return image[None].contiguous(), labels.contiguous()


def finetune_unetr(
    encoder: LoadedAsap,
    dataset: Decathlon,
    recipe: UnetrRecipe,
    *,
    out: Path,
    say: Say,
    stop: Callable[[], bool],
    use_unlabelled: bool = False,
) -> UnetrOutcome:
    """Train on a data set's cases and write the weights to `out`/unetr; goes on where `out` stands.

    Held out: the file's validation cases, else every fifth training case by its place. say: one line of progress at a time.
    use_unlabelled: the semi-supervised recipe. Raises InputError when nothing can be learnt from.
    """
    size = encoder.model.config.encoder
    if size.depth <= max(SKIPS):
        raise InputError(f"UNETR joins the encoder after block {max(SKIPS)}; this encoder has only {size.depth}.")
    config = UnetrConfig(window_config(size, recipe.window), dataset.labels, recipe.features, recipe.hu_window)
    valid = dataset.validation or dataset.training[4::5]
    chosen = [case for case in dataset.training if case not in valid]
    others = dataset.unlabelled if use_unlabelled else ()
    if not chosen:
        raise InputError("There is no case to learn from beside those held out.")
    if use_unlabelled and not others:
        raise InputError("The semi-supervised recipe needs images without labels beside those with labels.")
    cases = _read((*chosen, *others), config, say)
    if recipe.foreground:
        cases = [foreground_of(case) for case in cases]
    torch.manual_seed(recipe.schedule.seed)
    encoder_state = {name: value.float() for name, value in encoder.model.image_encoder.state_dict().items()}
    networks = [config.network() for _ in range(2 if others else 1)]
    for network in networks:
        network.load_encoder(encoder_state)
    network = networks[0]
    model: nn.Module = TwoNetworks(*networks) if others else network
    loss = step_loss(networks, cases[: len(chosen)], cases[len(chosen) :], recipe)

    def done(step: int, value: float) -> bool:
        say(f"step {step}/{recipe.schedule.steps} loss {value:.4f}")
        return stop()

    state = run_steps(model, loss, recipe.schedule, out / f"run-{_digest(encoder, (*chosen, *others), recipe)}", done)
    if stop():
        return UnetrOutcome(False, len(chosen), len(valid), {})
    state = of_the_first(state) if others else state
    network.load_state_dict({name: value.to(torch.bfloat16).float() for name, value in state.items()})  # as it will be stored
    digest = write_unetr(out / "unetr", config, state, source=SOURCE, licence=LICENCE)
    scored = score(LoadedUnetr("unetr", config, frozen(network), digest), _read(valid, config, say))
    say("held-out Dice " + ", ".join(f"{name} {'-' if value is None else f'{value:.4f}'}" for name, value in scored.items()))
    return UnetrOutcome(True, len(chosen), len(valid), scored)


def step_loss(
    networks: Sequence[Unetr], labelled: Sequence[WholeCase], unlabelled: Sequence[WholeCase], recipe: UnetrRecipe
) -> StepLoss:
    """The loss of a step: of one network on labelled windows, or of two which also teach each other on unlabelled ones."""

    def loss(rng: np.random.Generator, step: int) -> Tensor:
        images, labels = _windows(labelled, recipe, rng)
        taught = sum((dice_ce_loss(network(images), labels) for network in networks), torch.zeros(()))
        weight = recipe.unlabelled.weight_at(step, recipe.schedule.steps) if unlabelled else 0.0
        if weight == 0:
            return taught
        one, other = (_windows(unlabelled, recipe, rng)[0] for _ in range(2))
        mask_HWD = cut_mask(recipe.window, rng)
        return taught + weight * cross_pseudo_loss((networks[0], networks[1]), (one,), (other,), mask_HWD, recipe.unlabelled.sure)

    return loss


def _windows(cases: Sequence[WholeCase], recipe: UnetrRecipe, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Windows [B, 1, H, W, D] and labels [B, H, W, D] of a step."""
    picked = [cases[int(rng.integers(len(cases)))] for _ in range(recipe.images)]
    drawn = [window_of(case, recipe, rng) for case in picked for _ in range(recipe.crops)]
    images, labels = (torch.stack(parts) for parts in zip(*drawn, strict=True))
    return images, labels


def score(loaded: LoadedUnetr, cases: Sequence[WholeCase]) -> dict[str, float | None]:
    """Mean Dice of each label over the cases that have it or in which it was found; None where there is no such case."""
    rows = []
    for case in cases:
        if case.labels is None:
            continue
        answer, truth = shares(loaded, case.image[None, None]).argmax(dim=0).numpy(), case.labels.numpy()
        rows.append([dice(answer == value, truth == value) for value in range(1, 1 + len(loaded.config.labels))])
    means = {}
    for name, column in zip(loaded.config.labels, zip(*rows, strict=True) if rows else [()] * 64, strict=False):
        values = [value for value in column if not np.isnan(value)]
        means[name] = float(np.mean(values)) if values else None
    return means


def _read(cases: Sequence[ImageWithLabel], config: UnetrConfig, say: Say) -> list[WholeCase]:
    read = []
    for number, case in enumerate(cases, start=1):
        read.append(whole_case(case, config))
        say(f"preparing {number}/{len(cases)}")
    return read


def _digest(encoder: LoadedAsap, cases: Sequence[ImageWithLabel], recipe: UnetrRecipe) -> str:
    parts = [encoder.weights_sha256, [(case.image.name, case.image.stat().st_size) for case in cases], asdict(recipe)]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def of_steps(recipe: UnetrRecipe, steps: int, seed: int) -> UnetrRecipe:
    """The recipe over a number of steps, of which a tenth at most warms up."""
    schedule = replace(recipe.schedule, steps=steps, seed=seed, warmup_steps=min(recipe.schedule.warmup_steps, 1 + steps // 10))
    return replace(recipe, schedule=schedule)
