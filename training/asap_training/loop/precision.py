"""Number formats of a training run: what autocast multiplies in, and float32 where it would hurt."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor

Precision = Literal["float32", "bfloat16", "float16"]


def wide(x: Tensor) -> Tensor:
    """At least float32: for cosines, softmax and losses. float64 stays, so that gradients can be checked in it."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """Matrix products in `precision`; weights, residual streams and norms stay float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))
