"""Anatomy injection (asap-method 1.5): the share of every organ in each patch, read from the image decoder.

Axes: B batch, N tokens of the grid, C organ classes (0 background), H W D voxels, P voxels of a patch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from asap.models.patches import patchify
from asap_training.data.batch import Batch
from asap_training.decoders import in_decoder_order
from asap_training.loop.precision import wide
from asap_training.pretraining_model import Outputs
from asap_training.stats import Stats


def anatomy_injection_loss(outputs: Outputs, batch: Batch) -> tuple[Tensor, Stats]:
    """Binary cross-entropy with the organ shares as soft targets, the mean over all decoded tokens and classes."""
    if outputs.organ_logits_BTC is None or batch.organs_BNC is None:
        raise ValueError("anatomy injection needs organ masks with every volume; a recipe without them sets its weight to 0")
    target_BTC = in_decoder_order(batch.organs_BNC, outputs.visible_BK, outputs.masked_BM)
    logits_BTC = wide(outputs.organ_logits_BTC)
    loss = F.binary_cross_entropy_with_logits(logits_BTC, target_BTC.to(logits_BTC.dtype))
    return loss, {"anatomy": loss.detach()}


def organ_shares(mask_BHWD: Tensor, patch: tuple[int, int, int], classes: int) -> Tensor:
    """Share of each class in each patch [B, N, C], float32, summing to 1, of an integer mask of classes."""
    voxels_BNP = patchify(mask_BHWD.unsqueeze(1), patch)
    return torch.stack([(voxels_BNP == value).float().mean(-1) for value in range(classes)], dim=-1)
