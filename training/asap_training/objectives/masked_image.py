"""Masked image modelling (asap-method 1.4): the voxels of the hidden patches. Axes: B batch, M masked and decoded, P voxels."""

from __future__ import annotations

from torch import Tensor

from asap.models.patches import patchify
from asap_training.data.batch import Batch
from asap_training.loop.precision import wide
from asap_training.masking import rows_of
from asap_training.pretraining_model import Outputs
from asap_training.stats import Stats


def masked_image_loss(outputs: Outputs, batch: Batch, patch: tuple[int, int, int]) -> tuple[Tensor, Stats]:
    """Squared error of the masked voxels, averaged over all voxels: 0.75 of their mean at the published masking.

    Where only a part of the masked tokens is decoded, their mean stands for all of them.
    """
    patches_BNP = patchify(batch.volume_B1HWD, patch)
    error = (wide(outputs.voxels_BMP) - rows_of(patches_BNP, outputs.masked_BM)).square().mean()
    masked_share = 1 - outputs.visible_BK.shape[1] / patches_BNP.shape[1]
    loss = error * masked_share
    return loss, {"image": loss.detach()}
