"""Segmentation losses: equal to MONAI's where they follow it, and doing on wrong labels what they are there for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asap_training.objectives.cross_pseudo import cross_pseudo_loss, cut_mask, mixed
from asap_training.objectives.segmentation import (
    dice_ce_loss,
    noise_robust_dice_loss,
    taylor_ce_loss,
)


def _case(classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, classes, 8, 6, 4, generator=generator, requires_grad=True)
    return logits, torch.randint(0, classes, (2, 8, 6, 4), generator=generator)


@pytest.mark.slow
def test_dice_ce_is_monais_of_the_benchmark() -> None:
    losses = pytest.importorskip("monai.losses", reason="needs monai (the extra server)")
    logits, labels = _case()
    theirs = losses.DiceCELoss(to_onehot_y=True, softmax=True, squared_pred=True, smooth_nr=0.0, smooth_dr=1e-6)
    assert dice_ce_loss(logits, labels).item() == pytest.approx(theirs(logits, labels[:, None]).item(), abs=1e-6)


def test_a_perfect_answer_costs_nothing_and_every_loss_pulls() -> None:
    logits, labels = _case()
    perfect = 40.0 * torch.nn.functional.one_hot(labels, 4).movedim(-1, 1).float()
    for loss in (dice_ce_loss, noise_robust_dice_loss, taylor_ce_loss):
        assert loss(perfect, labels).item() == pytest.approx(0.0, abs=1e-4)
        (gradient,) = torch.autograd.grad(loss(logits, labels), logits)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0


def test_a_wrong_label_cannot_pull_without_end() -> None:
    labels = torch.zeros(1, 2, 2, 2, dtype=torch.long)
    pulls = []
    for certainty in (4.0, 12.0):
        logits = torch.zeros(1, 2, 2, 2, 2)
        logits[:, 1] = certainty  # sure of the other class
        logits.requires_grad_()
        pulls.append(
            [torch.autograd.grad(loss(logits, labels), logits)[0].abs().sum() for loss in (dice_ce_loss, taylor_ce_loss)]
        )
    plain, robust = (float(pulls[1][n] / pulls[0][n]) for n in range(2))
    assert plain > 0.9
    assert robust < 0.01


@pytest.mark.parametrize("certainty", [2.0, 5.0, 9.0])
def test_a_class_that_is_not_there_is_never_pulled_up(certainty: float) -> None:
    labels = torch.zeros(1, 8, 8, 8, dtype=torch.long)
    labels[:, :4] = 1
    logits = certainty * torch.nn.functional.one_hot(labels, 4).movedim(-1, 1).float()
    logits[:, 2] = -certainty  # the labels hold neither 2 nor 3
    logits.requires_grad_()
    for loss in (dice_ce_loss, noise_robust_dice_loss, taylor_ce_loss):
        (gradient,) = torch.autograd.grad(loss(logits, labels), logits)
        assert gradient[:, 2:].sum() > -1e-6, loss.__name__  # a step goes against it: the class falls
        assert loss(logits, labels) < 2.0, loss.__name__


def test_labels_that_are_not_believed_teach_nothing() -> None:
    logits, labels = _case()
    counted = torch.zeros(labels.shape, dtype=torch.bool)
    counted[:, :4] = True
    for loss in (noise_robust_dice_loss, taylor_ce_loss):
        (gradient,) = torch.autograd.grad(loss(logits, labels, counted), logits)
        assert gradient[:, :, 4:].abs().max() == 0
        assert gradient[:, :, :4].abs().max() > 0
        other = torch.where(counted, labels, (labels + 1) % 4)
        assert loss(logits, other, counted).item() == pytest.approx(loss(logits, labels, counted).item())


def test_cutmix_takes_voxels_and_cells_from_the_same_places() -> None:
    mask = cut_mask((16, 8, 12), np.random.default_rng(0))
    assert 0.1 < mask.float().mean() < 0.6
    one, other = torch.zeros(1, 1, 16, 8, 12), torch.ones(1, 1, 16, 8, 12)
    voxels = mixed(one, other, mask)[0, 0]
    cells = mixed(torch.zeros(1, 3, 4, 2, 3), torch.ones(1, 3, 4, 2, 3), mask)[0, 0]
    assert (voxels == mask).all()
    assert (cells.repeat_interleave(4, 0).repeat_interleave(4, 1).repeat_interleave(4, 2) == mask).all()


def test_two_networks_learn_from_each_other_and_not_from_themselves() -> None:
    torch.manual_seed(0)
    networks = (torch.nn.Conv3d(1, 2, 1), torch.nn.Conv3d(1, 2, 1))
    one, other = torch.randn(1, 1, 8, 8, 8), torch.randn(1, 1, 8, 8, 8)
    mask = cut_mask((8, 8, 8), np.random.default_rng(1))
    optimizer = torch.optim.SGD([p for n in networks for p in n.parameters()], lr=0.5)

    def apart() -> float:
        said = [network(one).softmax(1)[:, 1] for network in networks]
        return float((said[0] - said[1]).abs().mean())

    before = apart()
    for _ in range(60):
        optimizer.zero_grad()
        cross_pseudo_loss(networks, (one,), (other,), mask).backward()
        optimizer.step()
    assert apart() < before / 2
