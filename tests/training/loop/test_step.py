"""However a step is cut up, into processes or micro-batches, it is the same step; and every precision takes it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import load_file, save_file

from asap_training.bert_dropout import NO_DROPOUT
from asap_training.data.batch import Batch, collate
from asap_training.data.sampler import numbers
from asap_training.loop.distributed import joined
from asap_training.loop.optim import adamw
from asap_training.loop.step import prepared, train_step
from asap_training.pretraining_model import PretrainingModel
from asap_training.recipes import Recipe
from tests.training.processes import CONTEXT, ended, free_port, small
from tests.training.synthetic import SyntheticReports

pytestmark = pytest.mark.slow
SAMPLES = 4


def recipe(negatives: Literal["report", "batch"] = "batch") -> Recipe:
    """Without dropout, which no two processes draw alike, and without clipping, which would hide a scale."""
    plain = replace(small(), report_dropout=NO_DROPOUT, negatives=negatives)
    return replace(plain, optimisation=replace(plain.optimisation, clip_norm=None))


def step_gradients(recipe: Recipe, environment: dict[str, str], out: Path, micro_batch: int) -> None:
    """Take one step on the first samples; the first rank writes its gradients and losses."""
    os.environ |= environment
    torch.set_num_threads(1)
    torch.manual_seed(5)
    source = SyntheticReports(recipe)
    with joined() as ranks:
        model = PretrainingModel(recipe).train()
        training = prepared(recipe, ranks, model, adamw(model, recipe.optimisation))
        mine = list(numbers(0, SAMPLES, rank=ranks.rank, world=ranks.world, batch=micro_batch))
        batches: list[Batch] = [
            collate([source[n] for n in mine[start : start + micro_batch]]) for start in range(0, len(mine), micro_batch)
        ]
        stats = train_step(training, batches, learning_rate=0.0)
        if ranks.first:
            gradients = {f"gradient/{n}": p.grad.contiguous() for n, p in model.named_parameters() if p.grad is not None}
            losses = {f"loss/{n}": torch.tensor(v, dtype=torch.float64) for n, v in stats.items()}
            save_file(gradients | losses, out)


def on_ranks(recipe: Recipe, world: int, micro_batch: int, out: Path) -> dict[str, torch.Tensor]:
    common = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    ranks = []
    for rank in range(world):
        arguments = (recipe, common | {"RANK": str(rank)}, out, micro_batch)
        ranks.append(CONTEXT.Process(target=step_gradients, args=arguments, daemon=True))
        ranks[-1].start()
    assert ended(ranks) == [0] * world
    return load_file(out)


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert set(a) == set(b)
    for name, value in a.items():
        torch.testing.assert_close(b[name], value, rtol=1e-5, atol=1e-5 * float(value.abs().max()) + 1e-9, msg=name)


def test_two_processes_take_the_step_of_one_with_twice_the_batch(tmp_path: Path) -> None:
    one = on_ranks(recipe(), 1, SAMPLES, tmp_path / "one.safetensors")
    two = on_ranks(recipe(), 2, SAMPLES // 2, tmp_path / "two.safetensors")
    assert_same(one, two)
    assert float(one["loss/alignment"]) > 0


def test_micro_batches_take_the_step_of_one_batch(tmp_path: Path) -> None:
    """With negatives inside each report and no study loss: what is told apart must not depend on the micro-batch."""
    alone = recipe("report")
    alone = replace(alone, weights=replace(alone.weights, study=0.0))
    whole = on_ranks(alone, 1, SAMPLES, tmp_path / "whole.safetensors")
    parts = on_ranks(alone, 1, 1, tmp_path / "parts.safetensors")
    assert_same(whole, parts)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_takes_nearly_the_float32_step(precision: Literal["bfloat16", "float16"]) -> None:
    losses = {}
    for name in ("float32", precision):
        plain = recipe()
        lower = replace(plain, optimisation=replace(plain.optimisation, precision=name))
        torch.manual_seed(5)
        with joined() as ranks:
            model = PretrainingModel(lower).train()
            training = prepared(lower, ranks, model, adamw(model, lower.optimisation))
            batch = collate([SyntheticReports(lower)[n] for n in range(2)])
            losses[name] = [train_step(training, [batch], 1e-3)["loss"] for _ in range(4)]
        assert training.skipped <= 1  # float16 may start at too large a scale
    late = training.skipped
    assert losses[precision][late:] == pytest.approx(losses["float32"][: 4 - late], rel=0.02)
    assert losses[precision][-1] < losses[precision][0]
