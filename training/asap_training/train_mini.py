"""Train `asap-mini` on generated cases. Reads top to bottom; resumes by itself; the same command gives the same weights.

asap-train pretrain --cases DIR --out DIR [--weights DIR] [--steps N]
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from asap.errors import InputError
from asap.models.load import preferred_dtype
from asap.models.mini import AsapMini
from asap.models.phrase_encoder import PhraseBatch, tokenise
from asap.models.weights import read_weights
from asap_training.config import MiniRecipe
from asap_training.data.generated_cases import GeneratedCases, Sample
from asap_training.loop.checkpoint import load_newest, save_checkpoint
from asap_training.loop.run_folder import begin_folder, check_folder
from asap_training.loop.runlog import RunLog
from asap_training.loop.step import MAX_SKIPPED_IN_A_ROW, DivergedError
from asap_training.loop.stopping import reader, stop_on_signals
from asap_training.objectives.region_supervision import extent_loss, pointing_loss, presence_loss
from asap_training.objectives.sentence_alignment import sentence_alignment_loss

ARCHITECTURE = "asap-mini"
SAVE_EVERY = 200


def train(cases: Path, out: Path, recipe: MiniRecipe, *, start: Path | None = None, workers: int = 1) -> AsapMini | None:
    """Run (or go on with) the recipe and return the model with averaged weights, or None where a signal ended the run early.

    start: a packaged model to begin from. InputError where `out` holds a run of another recipe, or there are no cases;
    DivergedError after ten steps in a row whose gradient is not finite.
    """
    check_folder(out, recipe)
    torch.manual_seed(recipe.seed)
    model = AsapMini(recipe.model).to(memory_format=torch.channels_last_3d)
    if start is not None:
        begin_from(model, start)
    optimizer = torch.optim.AdamW(parameter_groups(model, recipe), lr=recipe.learning_rate, betas=(0.9, 0.98))
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    first, skipped = load_newest(out, model, optimizer, average), 0
    data = timed(batches(cases, recipe, first, workers))
    begin_folder(out, recipe)
    per_step = recipe.volumes_per_step
    log = RunLog(out, step=first, samples=first * per_step, total=recipe.steps * per_step, first=True)
    with log, stop_on_signals() as stop:
        if first:
            log.say(f"Going on after step {first}." if first < recipe.steps else "All steps are done.")
        for step, (samples, waited_s) in enumerate(data, start=first):
            log.waited(waited_s)
            stats = training_step(model, optimizer, samples, recipe, step)
            skipped = 0 if math.isfinite(stats["gradient"]) else skipped + 1
            if skipped >= MAX_SKIPPED_IN_A_ROW:
                raise DivergedError(f"The loss was not finite in {skipped} steps in a row; the checkpoint is good.")
            update_average(average, model, recipe, step)
            log.step(step + 1, (step + 1) * per_step, stats)
            if stop.signal is not None or (step + 1) % SAVE_EVERY == 0 or step + 1 == recipe.steps:
                save_checkpoint(out, step + 1, model, optimizer, average)
            if stop.signal is not None and step + 1 < recipe.steps:
                log.say(f"Stopped after step {step + 1}; the same command goes on from there.")
                return None
    model.load_state_dict(average)
    return model


def begin_from(model: AsapMini, start: Path) -> None:
    """Take over a packaged model's weights; a convolution it does not have yet begins as one that changes nothing."""
    stored = read_weights(start)
    if stored.manifest.architecture != ARCHITECTURE:
        raise InputError("asap_mini begins from weights of asap-mini; these are of another architecture.")
    missing = model.load_state_dict({name: value.float() for name, value in stored.tensors.items()}, strict=False).missing_keys
    for name, parameter in model.named_parameters():
        if name in missing and ".conv2." in name:
            torch.nn.init.zeros_(parameter)
    print(f"Begins from {stored.manifest.name}; new: {', '.join(missing) or 'nothing'}.", flush=True)


def batches(cases: Path, recipe: MiniRecipe, first: int, workers: int) -> Iterator[list[Sample]]:
    """The samples of step `first` and on, in an order that depends on the seed alone."""
    dataset = GeneratedCases(cases, recipe)
    numbers = range(first * recipe.volumes_per_step, recipe.steps * recipe.volumes_per_step)
    loader = DataLoader(
        dataset, recipe.volumes_per_step, sampler=numbers, collate_fn=list, num_workers=workers, worker_init_fn=reader
    )
    return iter(loader)


def timed(batches: Iterator[list[Sample]]) -> Iterator[tuple[list[Sample], float]]:
    """The batches, and how long each was waited for in seconds."""
    began = time.monotonic()
    for batch in batches:
        yield batch, time.monotonic() - began
        began = time.monotonic()


def training_step(
    model: AsapMini, optimizer: torch.optim.Optimizer, samples: list[Sample], recipe: MiniRecipe, step: int
) -> dict[str, float]:
    """One optimiser step on a few volumes with all their sentences; returns the losses and the gradient's norm."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step)
    phrases = dropped(tokenise([s for sample in samples for s in sample.sentences], recipe.model), recipe, step)
    # Emulated bfloat16 takes three times as long as float32 where the processor has no instructions for it.
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=preferred_dtype() == torch.bfloat16):
        cells_BNPF = model.image(torch.stack([sample.image_1HWD for sample in samples]))
        sentence_TPF, bias_TP = model.text(phrases)
    losses = dict.fromkeys(("pointing", "extent", "presence"), torch.zeros(()))
    pooled, start = [], 0
    for cells_NPF, sample in zip(cells_BNPF, samples, strict=True):
        rows = slice(start, start + len(sample.sentences))
        start = rows.stop
        log_match_SN = model.matcher(sentence_TPF[rows], bias_TP[rows], cells_NPF)
        losses["pointing"] = losses["pointing"] + pointing_loss(log_match_SN, sample.fraction_SN) / len(samples)
        losses["extent"] = losses["extent"] + extent_loss(log_match_SN, sample.fraction_SN) / len(samples)
        losses["presence"] = losses["presence"] + presence_loss(log_match_SN, sample.present_S) / len(samples)
        pooled.append(pooled_cells(log_match_SN, cells_NPF, recipe.alignment_cells))
    true_T = torch.cat([sample.present_S for sample in samples]) > 0
    losses["alignment"] = sentence_alignment_loss(
        sentence_TPF.flatten(1)[true_T], torch.cat(pooled)[true_T], torch.cat([s.meaning_S for s in samples])[true_T]
    )
    total = sum((getattr(recipe, f"{name}_weight") * loss for name, loss in losses.items()), torch.zeros(()))
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
    if torch.isfinite(norm):
        optimizer.step()
    return {"loss": total.item(), "gradient": norm.item()} | {name: value.item() for name, value in losses.items()}


def pooled_cells(log_match_SN: Tensor, cells_NPF: Tensor, count: int) -> Tensor:
    """Mean feature of each sentence's best cells, [S, P*F]."""
    best_SK = log_match_SN.topk(count, dim=1).indices
    return cells_NPF.flatten(1)[best_SK].mean(dim=1)


def dropped(phrases: PhraseBatch, recipe: MiniRecipe, step: int) -> PhraseBatch:
    """Forget all words or all concepts of some sentences, so that each side learns to carry the meaning alone."""
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
    draw_S1 = torch.rand(len(phrases.word_SL), 1, generator=generator)
    no_words_S1 = draw_S1 < recipe.word_dropout
    no_concepts_S1 = draw_S1 > 1 - recipe.concept_dropout
    return PhraseBatch(
        phrases.concept_SL.masked_fill(no_concepts_S1, 0),
        phrases.word_SL.masked_fill(no_words_S1, 0),
        phrases.stem_SL.masked_fill(no_words_S1, 0),
    )


def parameter_groups(model: AsapMini, recipe: MiniRecipe) -> list[dict[str, object]]:
    """Weight decay on matrices and kernels only."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]


def learning_rate(recipe: MiniRecipe, step: int) -> float:
    """Linear warm-up, then half a cosine to zero."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def update_average(average: dict[str, Tensor], model: AsapMini, recipe: MiniRecipe, step: int) -> None:
    """Exponential average of the weights, with a shorter memory at the start."""
    decay = min(recipe.ema_decay, (1 + step) / (10 + step))
    for name, value in model.state_dict().items():
        average[name].lerp_(value, 1 - decay)
