"""Cutting a volume into patches. A convolution whose stride is its kernel is a reshape followed by one matrix product."""

from __future__ import annotations

from torch import Tensor


def patchify(volume_B1HWD: Tensor, patch: tuple[int, int, int]) -> Tensor:
    """Patches [B, N, p*q*r] of a volume [B, 1, H, W, D]: tokens in (h, w, d) order, voxels in (p, q, r) order inside.

    H, W, D must be multiples of the patch. asap-method 1.3.
    """
    batch = volume_B1HWD.shape[0]
    p, q, r = patch
    h, w, d = (size // n for size, n in zip(volume_B1HWD.shape[2:], patch, strict=True))
    blocks = volume_B1HWD.reshape(batch, h, p, w, q, d, r).permute(0, 1, 3, 5, 2, 4, 6)
    return blocks.reshape(batch, h * w * d, p * q * r)
