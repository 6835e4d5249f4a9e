"""One pre-training step of `asap-base`, forward, backward and AdamW, on this machine: the rows of the design, what each saving
gives, and peak memory.

Run: python -m tests.benchmarks.pretraining_step [--batch 1] [--repeats 2] [--threads 2] [--rows released savings]
The reference is the same mathematics written plainly: float32, attention by explicit softmax, both texts padded to 512 positions,
an optimiser that goes parameter by parameter. Dropout is off, so that losses compare. A saving's row is the corrected recipe
without it. Every row runs in a process of its own, for its peak memory. On a machine that others use too, believe the ratios of
processor seconds; bfloat16 wins only on processors that multiply it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import pad

from asap.models.load import preferred_dtype
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
from tests.benchmarks.released_peer import released

FINDINGS_TOKENS, IMPRESSION_TOKENS, SENTENCES, POSITIONS = 220, 60, 14, 512
FULL_STOP = 18


@dataclass(frozen=True)
class Way:
    """One way to take the step. sparse: encode visible tokens only. kept_text: the findings' features come with the batch."""

    title: str
    recipe: Recipe
    precision: Precision = "float32"
    padded: bool = False
    plain_attention: bool = False
    sparse: bool = True
    kept_text: bool = False
    fused: bool = True


def ways() -> dict[str, tuple[Way, ...]]:
    """released: same mathematics, faster. savings: all of them, then all but one."""
    paper = replace(asap_base_paper(), report_dropout=NO_DROPOUT, text_dropout=NO_DROPOUT)
    corrected = replace(asap_base(), report_dropout=NO_DROPOUT)
    everything = Way("corrected recipe, every saving, float32", corrected, kept_text=True)
    return {
        "released": (
            Way("reference: plain float32", paper, padded=True, plain_attention=True, fused=False),
            Way("released mathematics, float32", paper),
            Way("released mathematics, bfloat16", paper, "bfloat16"),
            everything,
            replace(everything, title="corrected recipe, every saving, bfloat16", precision="bfloat16"),
        ),
        "savings": (
            everything,
            replace(everything, title="  all tokens encoded", sparse=False),
            replace(everything, title="  explicit attention", plain_attention=True),
            replace(everything, title="  texts padded to 512", padded=True),
            replace(everything, title="  findings encoded every step", kept_text=False),
            replace(everything, title="  all hidden tokens decoded", recipe=replace(corrected, decoded_share=1.0)),
            replace(everything, title="  parameter by parameter", fused=False),
        ),
    }


def samples(recipe: Recipe, count: int, *, kept_text: bool) -> Batch:
    """Volumes of noise, reports of random words of a usual length; the same draw for every recipe."""
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
        states = rng.standard_normal((FINDINGS_TOKENS, recipe.model.text.width), dtype=np.float32).astype(np.float16)
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
                findings_states_LD=torch.from_numpy(states) if kept_text else None,
            )
        )
    return collate(out)


def padded_texts(batch: Batch) -> Batch:
    """Both texts up to 512 positions, as the released loader makes them; nothing they lead to changes."""

    def longer(x: torch.Tensor) -> torch.Tensor:
        return pad(x, (0, POSITIONS - x.shape[1]))

    return replace(
        batch,
        findings_ids_BL=longer(batch.findings_ids_BL),
        findings_sentences_BL=longer(batch.findings_sentences_BL),
        report_ids_BL=longer(batch.report_ids_BL),
        report_masked_BL=longer(batch.report_masked_BL),
        report_scored_BL=longer(batch.report_scored_BL),
        findings_states_BLD=None
        if batch.findings_states_BLD is None
        else pad(batch.findings_states_BLD, (0, 0, 0, POSITIONS - batch.findings_states_BLD.shape[1])),
    )


def encoding_all_tokens(model: PretrainingModel) -> None:
    """Let the image encoder run over all tokens and drop the hidden ones afterwards."""
    encoder = model.asap.image_encoder
    sparse = type(encoder).forward

    def dense(volume_B1HWD: torch.Tensor, keep_BK: torch.Tensor) -> torch.Tensor:
        latent_BND = sparse(encoder, volume_B1HWD)
        kept_BK = torch.cat([torch.zeros_like(keep_BK[:, :1]), 1 + keep_BK], dim=1)
        return latent_BND.gather(1, kept_BK.unsqueeze(-1).expand(-1, -1, latent_BND.shape[-1]))

    encoder.forward = dense


def stepper(way: Way, count: int) -> Callable[[], tuple[float, float, float]]:
    """A function that takes one step and returns its seconds, its processor seconds and its loss."""
    torch.manual_seed(0)
    recipe = replace(way.recipe, optimisation=replace(way.recipe.optimisation, precision=way.precision))
    model = PretrainingModel(recipe).train()
    if not way.sparse:
        encoding_all_tokens(model)
    optimizer = adamw(model, recipe.optimisation)
    for group in optimizer.param_groups:
        group |= {"fused": way.fused, "foreach": False}
    training = prepared(recipe, Ranks(0, 1, torch.device("cpu")), model, optimizer)
    batch = samples(recipe, count, kept_text=way.kept_text)
    batch = padded_texts(batch) if way.padded else batch

    def step() -> tuple[float, float, float]:
        began, worked = time.perf_counter(), time.process_time()
        with sdpa_kernel([SDPBackend.MATH] if way.plain_attention else [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
            stats = train_step(training, [batch], 1e-6)
        return time.perf_counter() - began, time.process_time() - worked, stats["loss"]

    return step


def measure(way: Way, count: int, repeats: int) -> dict[str, float]:
    """Least seconds and processor seconds of a step after a first that does not count, that one's loss, and peak memory."""
    step = stepper(way, count)
    loss = step()[2]
    seconds, worked = (min(column) for column in zip(*(step()[:2] for _ in range(repeats)), strict=True))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu_s": worked, "loss": loss, "peak_mb": peak_mb}


def in_a_process(table: str, number: int, options: argparse.Namespace) -> dict[str, float]:
    """One row, measured by a child."""
    counts = [f"--{name}={getattr(options, name)}" for name in ("batch", "repeats", "threads")]
    command = [sys.executable, "-m", "tests.benchmarks.pretraining_step", *counts, f"--one={table}/{number}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def said(title: str, row: dict[str, float], first: dict[str, float], more: str = "") -> None:
    pace = f"{row['seconds']:7.2f} s {row['cpu_s']:7.2f} cpu-s {first['cpu_s'] / row['cpu_s']:5.2f} x  {row['peak_mb']:6.0f} MB"
    print(f"{title:44} {pace}  {more}", flush=True)


def show_released(options: argparse.Namespace) -> None:
    """The rows of the design beside the peer."""
    rows = ways()["released"]
    reference = in_a_process("released", 0, options)
    said(rows[0].title, reference, reference)
    counts = [f"--{name}={getattr(options, name)}" for name in ("batch", "repeats", "threads")]
    peer = released("step", *counts)
    if isinstance(peer, dict):
        said("released code, float32", peer, reference)
    else:
        print(f"{'released code, float32':44} {peer}", flush=True)
    for number, way in list(enumerate(rows))[1:]:
        if way.precision == "bfloat16" and preferred_dtype() != torch.bfloat16:
            print(f"{way.title:44} not run: this processor would only emulate it", flush=True)
            continue
        row = in_a_process("released", number, options)
        same = f"{abs(row['loss'] - reference['loss']) / reference['loss']:.1e}" if way.recipe.name == "asap_base_paper" else "-"
        against = f", {peer['cpu_s'] / row['cpu_s']:.2f} x the released code" if isinstance(peer, dict) else ""
        said(way.title, row, reference, f"loss difference {same}{against}")


def show_savings(options: argparse.Namespace) -> None:
    """What the step costs without each saving."""
    rows = ways()["savings"]
    everything = in_a_process("savings", 0, options)
    said(rows[0].title, everything, everything)
    for number, way in list(enumerate(rows))[1:]:
        row = in_a_process("savings", number, options)
        saved = f"the saving is {row['cpu_s'] / everything['cpu_s']:.2f} x, {row['peak_mb'] - everything['peak_mb']:.0f} MB"
        said(way.title, row, everything, saved)


def main() -> None:
    """Measure and print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", nargs="+", choices=["released", "savings"], default=["released", "savings"])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.one is not None:
        table, number = options.one.split("/")
        print(json.dumps(measure(ways()[table][int(number)], options.batch, options.repeats)))
        return
    fast = "has" if preferred_dtype() == torch.bfloat16 else "does not have"
    print(f"batch {options.batch}, {options.threads} threads, best of {options.repeats}; this processor {fast} bfloat16 products")
    for table, show in {"released": show_released, "savings": show_savings}.items():
        if table in options.rows:
            show(options)


if __name__ == "__main__":
    main()
