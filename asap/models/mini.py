"""`asap-mini`: the embedded model, image side, text side and how they are compared.

Axes: N cells, S sentences, F features, P parts of the match.
A sentence matches a cell when both parts of the match hold (in training they become what is seen and where it is), so the
score is a sum of two log-probabilities: a strong "where" cannot make up for a missing "what".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.mini_image import MiniConfig, MiniImageEncoder
from asap.models.phrase_encoder import PhraseEncoder
from asap.preprocess import GridConfig

# What the embedded model looks at: a 336 mm cube in 3 mm voxels, answered in 12 mm cells.
MINI_GRID = GridConfig(spacing_mm=(3.0, 3.0, 3.0), shape=(112, 112, 112), cell=(4, 4, 4), antialias=True)


class Matcher(nn.Module):
    """How well each sentence fits each cell: a log-probability that all parts of the match hold."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.full((config.parts,), 2.3))

    def forward(self, sentence_SPF: Tensor, bias_SP: Tensor, cells_NPF: Tensor) -> Tensor:
        """Unit sentence features, their biases and unit cell features of one volume -> log-probability [S, N] (<= 0)."""
        cosine_PSN = torch.einsum("spf,npf->psn", sentence_SPF, cells_NPF)
        logit_PSN = cosine_PSN * self.log_scale.exp()[:, None, None] + bias_SP.T[:, :, None]
        return F.logsigmoid(logit_PSN).sum(dim=0)


class AsapMini(nn.Module):
    """The whole embedded model. `image` and `text` run once per case and once per sentence; `matcher` joins them."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.config = config
        self.image = MiniImageEncoder(config)
        self.text = PhraseEncoder(config)
        self.matcher = Matcher(config)
