"""However a step is cut up, into processes or micro-batches, it is the same step; and every precision takes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.utils import parameters_to_vector

from asap_training.bert_dropout import NO_DROPOUT
from asap_training.data.batch import Batch, collate
from asap_training.data.sampler import numbers
from asap_training.loop.distributed import Ranks, joined
from asap_training.loop.optim import adamw
from asap_training.loop.step import prepared, train_step
from asap_training.pretraining_model import PretrainingModel
from asap_training.recipes import Recipe
from tests.forks import CONTEXT
from tests.training.processes import ended, places, small, take_place
from tests.training.synthetic import SyntheticReports

pytestmark = pytest.mark.slow
SAMPLES = 4


def recipe(negatives: Literal["report", "batch"] = "batch") -> Recipe:
    """Without dropout, which no two processes draw alike, and without clipping, which would hide a scale."""
    plain = replace(small(), report_dropout=NO_DROPOUT, negatives=negatives)
    return replace(plain, optimisation=replace(plain.optimisation, clip_norm=None))


def step_gradients(recipe: Recipe, environment: dict[str, str], out: Path, micro_batch: int) -> None:
    """Take one step on the first samples; the first rank writes its gradients and losses."""
    take_place(environment)
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
    ranks = []
    for place in places(world):
        ranks.append(CONTEXT.Process(target=step_gradients, args=(recipe, place, out, micro_batch), daemon=True))
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
    shared = on_ranks(alone, 2, 1, tmp_path / "shared.safetensors")  # two micro-batches on each of two processes
    assert_same(whole, shared)


def test_a_gradient_too_long_is_shortened_and_logged_as_it_was() -> None:
    """By plain descent at rate 1 the update is the gradient: with clipping it is the same one, of the norm allowed."""
    updates, norms = [], []
    for clip_norm in (None, 0.25):
        plain = recipe()
        clipped = replace(plain, optimisation=replace(plain.optimisation, clip_norm=clip_norm))
        torch.manual_seed(5)
        model = PretrainingModel(clipped).train()
        before = parameters_to_vector(model.parameters()).detach().clone()
        trained = [p for p in model.parameters() if p.requires_grad]
        training = prepared(clipped, Ranks(0, 1, torch.device("cpu")), model, torch.optim.SGD(trained, lr=1.0))
        norms.append(train_step(training, [collate([SyntheticReports(clipped)[n] for n in range(2)])], 1.0)["gradient"])
        updates.append(before - parameters_to_vector(model.parameters()).detach())
    assert norms[0] == norms[1] > 0.25
    assert float(updates[0].norm()) == pytest.approx(norms[0], rel=1e-4)
    torch.testing.assert_close(updates[1], updates[0] * 0.25 / norms[0], rtol=1e-3, atol=1e-6)


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
