"""Learning rate and weight decay of a run."""

from __future__ import annotations

import pytest
import torch

from asap_training.loop.optim import adamw, learning_rate, seed_step
from asap_training.pretraining_model import PretrainingModel
from asap_training.recipes import asap_base_paper
from tests.training.processes import small

PUBLISHED = asap_base_paper().optimisation


def test_published_schedule() -> None:
    """Linear over 20 of 200 epochs to 1.5e-4, then half a cosine to zero (asap-method 1.9)."""
    assert [learning_rate(PUBLISHED, epoch, 200) for epoch in (0, 10, 20, 110, 200)] == pytest.approx(
        [0, 0.75e-4, 1.5e-4, 0.75e-4, 0]
    )


def test_a_shorter_run_warms_up_in_the_same_share() -> None:
    assert learning_rate(PUBLISHED, 2, 20) == pytest.approx(1.5e-4)
    assert learning_rate(PUBLISHED, 20, 20) == pytest.approx(0, abs=1e-12)


def test_decay_spares_norms_and_biases_and_frozen_parameters_are_left_out() -> None:
    model = PretrainingModel(small())
    decayed, plain = adamw(model, small().optimisation).param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.05, 0.0)
    assert all(p.ndim > 1 for p in decayed["params"]) and all(p.ndim == 1 for p in plain["params"] if p.ndim)
    optimised = {id(p) for group in (decayed, plain) for p in group["params"]}
    assert optimised == {id(p) for p in model.parameters() if p.requires_grad}
    assert not optimised & {id(p) for p in model.asap.text_encoder.parameters()}


def test_random_state_is_a_function_of_seed_step_and_rank() -> None:
    draws = []
    for key in ((1, 2, 0), (1, 2, 0), (1, 3, 0), (1, 2, 1), (2, 2, 0)):
        seed_step(*key)
        draws.append(float(torch.rand(())))
    assert draws[0] == draws[1]
    assert len(set(draws)) == 4
