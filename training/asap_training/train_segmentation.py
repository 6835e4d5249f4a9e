"""Train the segmentation heads of `asap-mini` on generated cases. Reads top to bottom; resumes by itself; seeded.

asap-train segmentation prepare --cases DIR --out CACHE              the trunk's features, once
asap-train segmentation organs --cache CACHE --out DIR [--steps N]
asap-train segmentation lesions --cache CACHE --out DIR [--steps N]
asap-train segmentation export --organs DIR --lesions DIR --cache CACHE --out DIR    one set of weights for both heads
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from asap.errors import InputError
from asap.inference.load import load_engine
from asap.io.atomic import write_bytes
from asap.models.load_segmentation import write_segmentation
from asap.models.segmentation_head import LESION_HEAD, ORGAN_HEAD, HeadConfig, SegmentationHead
from asap_training.arguments import ended_in_one_sentence, positive
from asap_training.data.segmentation_cache import RECORD, prepare
from asap_training.data.segmentation_samples import CELL, SegmentationCases
from asap_training.finetune_segmentation import take_over
from asap_training.loop.checkpoint import newest_average
from asap_training.loop.head_steps import Schedule, run_steps
from asap_training.loop.run_folder import begin_folder
from asap_training.loop.stopping import STOPPED, stop_on_signals
from asap_training.pace import Pace, to_terminal
from asap_training.simulated_users import Users

SAVE_EVERY = 50
# Of 0, .2 to 1 the best on cases of the training.
TAKEN_BACK = 0.5
SOURCE = "Trained by asap-train segmentation on generated cases only; no patient data."


@dataclass(frozen=True)
class SegmentationRecipe:
    """One head's run. side: voxels of a box. users: simulated at once, all renewed every so many steps; of lesions."""

    head: HeadConfig
    steps: int = 1000
    boxes_per_step: int = 3
    side: int = 48
    users: int = 12
    renew_every: int = 50
    learning_rate: float = 2e-3
    warmup_steps: int = 50
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average_decay: float = 0.99
    seed: int = 11


ORGANS = SegmentationRecipe(ORGAN_HEAD, steps=4000, boxes_per_step=2, average_decay=0.997)
LESIONS = SegmentationRecipe(LESION_HEAD, steps=3000, learning_rate=1e-3, average_decay=0.995)
StepLoss = Callable[[SegmentationHead, np.random.Generator, int], Tensor]
LossOf = Callable[[SegmentationCases, SegmentationRecipe], StepLoss]


def train(
    cache: Path,
    out: Path,
    recipe: SegmentationRecipe,
    loss_of: LossOf,
    *,
    start: Path | None = None,
    stop_after: int | None = None,
) -> bool:
    """Run (or go on with) a recipe; False where a signal ended it early, with a checkpoint.

    start: run whose averaged weights to take where they fit. stop_after: leave the rest. Raises InputError for a folder without
    prepared cases.
    """
    try:
        trunk = (cache / RECORD).read_bytes()
    except OSError as error:
        raise InputError(
            "There are no prepared cases in the folder of --cache; run `asap-train segmentation prepare`."
        ) from error
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)
    model = SegmentationHead(recipe.head).to(memory_format=torch.channels_last_3d)
    if start is not None:
        take_over(model, newest_average(start))
    begin_folder(out, recipe)
    write_bytes(out / RECORD, trunk, "record of the trunk")
    cases = SegmentationCases(cache, recipe.side)
    step_loss, pace = loss_of(cases, recipe), Pace(recipe.steps, "Training", unit="steps")
    # Where a net is sure, gradients become denormal numbers, with which a step took three times as long.
    torch.set_flush_denormal(True)
    try:
        with stop_on_signals() as stop:

            def done(step: int, loss: float) -> bool:
                pace.reached(step, f", loss {loss:.3f}")
                return stop.signal is not None

            run_steps(model, lambda rng, step: step_loss(model, rng, step), schedule_of(recipe), out, done, last=stop_after)
    finally:  # the rest of the process keeps its floating point
        torch.set_flush_denormal(False)
    return stop.signal is None


def schedule_of(recipe: SegmentationRecipe) -> Schedule:
    """How long and how fast a recipe trains."""
    return Schedule(
        steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        weight_decay=recipe.weight_decay,
        clip_norm=recipe.clip_norm,
        average_decay=recipe.average_decay,
        save_every=SAVE_EVERY,
        seed=recipe.seed,
    )


def organ_loss(cases: SegmentationCases, recipe: SegmentationRecipe) -> StepLoss:
    """Random boxes of the chest."""

    def loss(model: SegmentationHead, rng: np.random.Generator, _: int) -> Tensor:
        samples = [cases.organs(rng) for _ in range(recipe.boxes_per_step)]
        image, cells, labels_BHWD = (torch.stack(parts) for parts in zip(*samples, strict=True))
        return label_loss(model(image, cells), labels_BHWD)

    return loss


def label_loss(logits: Tensor, labels_BHWD: Tensor) -> Tensor:
    """Cross-entropy, with the square root of the rarity of a label as its weight, and Dice over the labels present."""
    outputs = logits.shape[1]
    count = torch.bincount(labels_BHWD.flatten(), minlength=outputs).float()
    weight = label_weights(count)
    shares = logits.softmax(dim=1)
    truth = F.one_hot(labels_BHWD, outputs).permute(0, 4, 1, 2, 3).float()
    overlap, total = ((x).sum(dim=(0, 2, 3, 4))[count > 0] for x in (shares * truth, shares + truth))
    return F.cross_entropy(logits, labels_BHWD, weight) + 1 - ((2 * overlap + 1) / (total + 1)).mean()


def label_weights(count_L: Tensor) -> Tensor:
    """Square root of the rarity of each label, within limits. count_L: its voxels."""
    return (count_L.sum() / len(count_L) / count_L.clamp_min(100)).sqrt().clamp(0.3, 3.0)


def lesion_loss(cases: SegmentationCases, recipe: SegmentationRecipe) -> StepLoss:
    """One round of some of the users at work. They are renewed every so many steps, so that a resumed run meets the same ones."""
    users = Users(cases, recipe.users, recipe.head.prompts)

    def loss(model: SegmentationHead, rng: np.random.Generator, step: int) -> Tensor:
        if step % recipe.renew_every == 0:
            users.renew()
        taken = users.take(recipe.boxes_per_step, rng)
        samples = [user.sample for user in taken]
        image, cells = torch.stack([s.image for s in samples]), torch.stack([torch.cat([s.cells, s.heat]) for s in samples])
        logits = model(image, cells, torch.stack([user.prompts_PHWD for user in taken]))
        for user, seen in zip(taken, logits.detach(), strict=True):
            user.see(seen[0], rng)
        return mask_loss(logits, torch.stack([s.target for s in samples])[:, None])

    return loss


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy and Dice of each box."""
    truth = target.float()
    entropy = F.binary_cross_entropy_with_logits(logits, truth)
    shares = logits.sigmoid()
    overlap, total = ((x).sum(dim=(1, 2, 3, 4)) for x in (shares * truth, shares + truth))
    return 2 * entropy + (1 - (2 * overlap + 20) / (total + 20)).mean()


def export(organs: Path, lesions: Path, cache: Path, out: Path) -> str:
    """Write the averaged weights of two runs on one trunk as one set; returns its digest. InputError for two trunks, or no runs.

    cache: the cases the organs were learnt from, for how rare each label is.
    """
    try:
        trunks = {json.loads((run / RECORD).read_text())["trunk"] for run in (organs, lesions)}
    except (OSError, ValueError, KeyError) as error:
        raise InputError("A folder of --organs or --lesions holds no run; train both heads first.") from error
    if len(trunks) != 1:
        raise InputError("The two heads were trained on the features of different trunks; train one of them again.")
    labels = (case.labels.flatten().long() for case in SegmentationCases(cache, CELL).cases)
    count = sum((torch.bincount(x, minlength=ORGAN_HEAD.outputs) for x in labels), torch.zeros(ORGAN_HEAD.outputs))
    heads = {
        "organs": (ORGAN_HEAD, as_frequent(newest_average(organs), count)),
        "lesions": (LESION_HEAD, newest_average(lesions)),
    }
    manifest = write_segmentation(out, heads, trunks.pop(), source=SOURCE, licence="Apache-2.0")
    return manifest.weights_sha256


def as_frequent(state: dict[str, Tensor], count_L: Tensor) -> dict[str, Tensor]:
    """Weights of an organ head that takes `TAKEN_BACK` of the loss's favour for rare labels back: it drew them too large."""
    shift_L = TAKEN_BACK * label_weights(count_L).log()
    return state | {"out.bias": state["out.bias"] - shift_L.repeat_interleave(len(state["out.bias"]) // len(count_L))}


# What each of the four needs besides --out.
NEEDED = {"prepare": ("cases",), "organs": ("cache",), "lesions": ("cache",), "export": ("organs", "lesions", "cache")}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(NEEDED))
    parser.add_argument("--cases", type=Path, help="folder of generated cases")
    parser.add_argument("--cache", type=Path, help="folder `prepare` made")
    parser.add_argument("--out", type=Path, required=True, help="the cache, the run, or the weights of both heads")
    parser.add_argument("--steps", type=positive, help=f"by default {ORGANS.steps} of organs, {LESIONS.steps} of lesions")
    parser.add_argument("--start", type=Path, help="folder of a run to begin from")
    parser.add_argument("--organs", type=Path, help="folder of a run of organs")
    parser.add_argument("--lesions", type=Path, help="folder of a run of lesions")
    arguments = parser.parse_args()
    missing = [f"--{name}" for name in NEEDED[arguments.what] if getattr(arguments, name) is None]
    if missing:
        parser.error(f"{arguments.what} needs {' and '.join(missing)}")
    return arguments


def main() -> None:
    """Parse the arguments and do one of the four. Exit code 143 where a signal ended a training early."""
    arguments = parse()
    with ended_in_one_sentence():
        finished = run(arguments)
    if not finished:
        to_terminal("Stopped; the same command goes on from there.")
        sys.exit(STOPPED)


def run(arguments: argparse.Namespace) -> bool:
    """Do it; False where a signal ended it early."""
    if arguments.what == "prepare":
        print(f"{prepare(arguments.cases, arguments.out, load_engine('asap-mini').grounder)} cases are prepared")
        return True
    if arguments.what == "export":
        print(f"weights sha256 {export(arguments.organs, arguments.lesions, arguments.cache, arguments.out)}")
        return True
    recipe, loss = (ORGANS, organ_loss) if arguments.what == "organs" else (LESIONS, lesion_loss)
    recipe = replace(recipe, steps=arguments.steps or recipe.steps)
    return train(arguments.cache, arguments.out, recipe, loss, start=arguments.start)


if __name__ == "__main__":
    main()
