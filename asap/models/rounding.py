"""Rounding the text encoder to bfloat16 without moving all sentences in one direction.

Rounding a matrix W to W' changes a layer's output by (W' - W) x. Inputs x of a language model share a large mean, so most of
that change is one constant vector: it is added back through the bias (bias correction: Nagel et al., Data-Free Quantization,
ICCV 2019, section 4.2). On formula-made weights this removes three fifths of the error's energy and costs nothing afterwards.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from asap.models.text_encoder import TextEncoder

CALIBRATION_SEQUENCES = 48
CALIBRATION_LENGTH = 16
FIRST_WORD_ID = 5
CLS_ID = 2


def round_text_encoder(encoder: TextEncoder, dtype: torch.dtype) -> None:
    """Turn matrices and embeddings into `dtype` in place, correcting the biases for what float32 matrices lose.

    The mean input of every layer is taken over random token sequences of a fixed seed. Matrices that are already in `dtype`,
    and those of a model without data (meta device), are only cast.
    """
    linears = [module for module in encoder.modules() if isinstance(module, nn.Linear)]
    if dtype != torch.float32 and all(x.weight.dtype == torch.float32 and not x.weight.is_meta for x in linears):
        for linear, mean in _mean_inputs(encoder, linears).items():
            lost = linear.weight.data - linear.weight.data.to(dtype).float()
            linear.bias.data = linear.bias.data + lost @ mean
    for module in encoder.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            module.to(dtype)


@torch.no_grad()
def _mean_inputs(encoder: TextEncoder, linears: list[nn.Linear]) -> dict[nn.Linear, Tensor]:
    means: dict[nn.Linear, Tensor] = {}

    def remember(linear: nn.Module, inputs: tuple[Tensor]) -> None:
        if isinstance(linear, nn.Linear):
            means[linear] = inputs[0].flatten(0, -2).mean(0)

    hooks = [linear.register_forward_pre_hook(remember) for linear in linears]
    try:
        encoder(_random_ids(encoder.config.vocab, min(CALIBRATION_LENGTH, encoder.config.max_positions)))
    finally:
        for hook in hooks:
            hook.remove()
    return means


def _random_ids(vocab: int, length: int) -> Tensor:
    """Token ids [sequences, length], each sequence beginning with [CLS]."""
    ids = np.random.default_rng(0).integers(FIRST_WORD_ID, vocab, (CALIBRATION_SEQUENCES, length))
    ids[:, 0] = CLS_ID
    return torch.from_numpy(ids)
