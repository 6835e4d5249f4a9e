"""One pre-training step of `asap-base`, forward, backward and AdamW, on this machine: the three rows of the design.

Run: python -m tests.benchmarks.pretraining_step [--batch 1] [--repeats 3] [--threads 2]
The reference is the same mathematics written plainly: float32, attention by explicit softmax, both texts padded to 512
positions. All rows encode the visible tokens only, as the published method does, and dropout is off, so that losses compare.
On a machine that others use too, believe the ratios of processor seconds.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import pad

from asap.models.wordpiece import MASK
from asap_training.bert_dropout import NO_DROPOUT
from asap_training.data.batch import Batch, Sample, collate
from asap_training.loop.distributed import Ranks
from asap_training.loop.optim import adamw
from asap_training.loop.precision import Precision
from asap_training.loop.step import prepared, train_step
from asap_training.masking import masked_report
from asap_training.pretraining_model import PretrainingModel
from asap_training.recipes import Recipe, asap_base, asap_base_paper

FINDINGS_TOKENS, IMPRESSION_TOKENS, SENTENCES, POSITIONS = 220, 60, 14, 512
FULL_STOP = 18


@dataclass(frozen=True)
class Row:
    """One way to take the step."""

    title: str
    recipe: Recipe
    precision: Precision
    padded: bool
    plain_attention: bool = False


def rows() -> tuple[Row, ...]:
    paper = replace(asap_base_paper(), report_dropout=NO_DROPOUT, text_dropout=NO_DROPOUT)
    corrected = replace(asap_base(), report_dropout=NO_DROPOUT)
    return (
        Row("reference: float32, explicit attention, padded texts", paper, "float32", padded=True, plain_attention=True),
        Row("released mathematics, float32", paper, "float32", padded=False),
        Row("released mathematics, bfloat16", paper, "bfloat16", padded=False),
        Row("corrected recipe, bfloat16", corrected, "bfloat16", padded=False),
    )


def samples(recipe: Recipe, count: int) -> Batch:
    """Volumes of waves, reports of random words of a usual length; the same draw for every recipe."""
    rng = np.random.default_rng(3)
    encoder, everywhere = recipe.model.encoder, recipe.report_scope == "all"
    length = FINDINGS_TOKENS + IMPRESSION_TOKENS
    out = []
    for _ in range(count):
        ids = torch.from_numpy(rng.integers(100, recipe.model.text.vocab, length))
        ends = torch.linspace(0, FINDINGS_TOKENS - 1, SENTENCES + 1).long()[1:]
        ids[ends] = FULL_STOP
        sentences = 1 + torch.bucketize(torch.arange(FINDINGS_TOKENS), ends)
        report = pad(ids, (0, POSITIONS - length)) if everywhere else ids
        draw = torch.from_numpy(rng.random(POSITIONS))[: len(report)]
        masked = masked_report(report, draw, recipe.report_masked_share, MASK, () if everywhere else (0,))
        organs = rng.random((encoder.tokens, recipe.decoders.organ_classes), dtype=np.float32)
        out.append(
            Sample(
                volume_1HWD=torch.from_numpy(rng.uniform(-1, 1, (1, *encoder.volume_shape)).astype(np.float32)),
                organs_NC=torch.from_numpy(organs / organs.sum(1, keepdims=True)),
                findings_ids_L=ids[:FINDINGS_TOKENS],
                findings_sentences_L=sentences,
                report_ids_L=report,
                report_masked_L=masked,
                report_scored_L=torch.ones_like(report, dtype=torch.bool) if everywhere else masked != report,
                noise_N=torch.from_numpy(rng.random(encoder.tokens, dtype=np.float32)),
                regions_SN=torch.from_numpy((rng.random((SENTENCES, encoder.tokens)) < 0.02).astype(np.float32)),
                sentence_keys_S=torch.from_numpy(rng.integers(1, 2**31, SENTENCES)),
            )
        )
    return collate(out)


def padded_findings(batch: Batch) -> Batch:
    """Findings up to 512 positions, as the released loader makes them; nothing they lead to changes."""
    extra = (0, POSITIONS - batch.findings_ids_BL.shape[1])
    return replace(
        batch,
        findings_ids_BL=pad(batch.findings_ids_BL, extra),
        findings_sentences_BL=pad(batch.findings_sentences_BL, extra),
    )


def stepper(row: Row, count: int) -> Callable[[], tuple[float, float, float]]:
    """A function that takes one step and returns its seconds, its processor seconds and its loss."""
    torch.manual_seed(0)
    recipe = replace(row.recipe, optimisation=replace(row.recipe.optimisation, precision=row.precision))
    model = PretrainingModel(recipe).train()
    training = prepared(recipe, Ranks(0, 1, torch.device("cpu")), model, adamw(model, recipe.optimisation))
    batch = samples(recipe, count)
    batch = padded_findings(batch) if row.padded else batch

    def step() -> tuple[float, float, float]:
        began, worked = time.perf_counter(), time.process_time()
        with sdpa_kernel([SDPBackend.MATH] if row.plain_attention else [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
            stats = train_step(training, [batch], 1e-6)
        return time.perf_counter() - began, time.process_time() - worked, stats["loss"]

    return step


def measured(row: Row, count: int, repeats: int) -> tuple[float, float, float]:
    """Least seconds and processor seconds of a step after a first that does not count, and that first one's loss."""
    step = stepper(row, count)
    loss = step()[2]
    times = [step()[:2] for _ in range(repeats)]
    best, worked = (min(column) for column in zip(*times, strict=True))
    del step
    gc.collect()  # one model of this size at a time
    return best, worked, loss


def main() -> None:
    """Measure all rows and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"batch {options.batch}, {options.threads} threads, best of {options.repeats}")
    reference: tuple[float, float, float] | None = None
    for row in rows():
        seconds, worked, loss = measured(row, options.batch, options.repeats)
        reference = reference or (seconds, worked, loss)
        same = f"{abs(loss - reference[2]) / reference[2]:.1e}" if row.recipe.name == "asap_base_paper" else "another loss"
        pace = f"{seconds:6.2f} s {reference[0] / seconds:5.2f} x   {worked:6.2f} cpu-s {reference[1] / worked:5.2f} x"
        print(f"{row.title:52} {pace}   loss difference {same}", flush=True)
    print("released code: peer absent (it is on no registry; its step has not been run here)")


if __name__ == "__main__":
    main()
