"""The published model as used for grounding: image encoder, text encoder, alignment heads (asap-method 1.3, 1.6, 1.7).

Axes: B batch, N image tokens (grid order), L text positions, S sentences, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.config import AsapConfig
from asap.models.rounding import round_text_encoder
from asap.models.text_encoder import TextEncoder
from asap.models.vit import VisionTransformer
from asap.pause import Pause, no_pause


class FeatureHead(nn.Module):
    """Linear, GELU, LayerNorm (eps 1e-12), Linear."""

    def __init__(self, width: int, projection: int) -> None:
        super().__init__()
        self.dense_to_hidden = nn.Linear(width, projection)
        self.norm = nn.LayerNorm(projection, eps=1e-12)
        self.dense_to_output = nn.Linear(projection, projection)

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> [..., projection]."""
        dtype = self.dense_to_hidden.weight.dtype
        hidden = self.norm(F.gelu(self.dense_to_hidden(x.to(dtype))).to(self.norm.weight.dtype))
        return self.dense_to_output(hidden.to(dtype))  # type: ignore[no-any-return]


class Asap(nn.Module):
    """ASAP (arXiv 2606.00602). Build on the meta device or with random weights; `asap.models.weights` fills it."""

    def __init__(self, config: AsapConfig) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = VisionTransformer(config.encoder)
        self.text_encoder = TextEncoder(config.text)
        self.image_head = FeatureHead(config.encoder.width, config.projection)
        self.text_head = FeatureHead(config.text.width, config.projection)
        self.regression_head = nn.Linear(config.projection, 1)

    def set_precision(self, dtype: torch.dtype) -> Asap:
        """The encoders' matrices and embeddings in `dtype`; norms, cls, positions and all heads stay float32. Returns self.

        The heads are 1 % of the work, and rounding them costs a third of the agreement with the float32 heatmap.
        """
        for module in self.image_encoder.modules():
            if isinstance(module, nn.Linear):
                module.to(dtype)
        round_text_encoder(self.text_encoder, dtype)
        return self

    def encode_image(self, volume_B1HWD: Tensor, *, pause: Pause = no_pause, rows: int | None = None) -> Tensor:
        """Volume in [-1, 1] -> tokens [B, N, D] after the final norm, without cls.

        pause: called after each block. rows: tokens at a time where memory is short.
        """
        latent_BND: Tensor = self.image_encoder(volume_B1HWD, pause=pause, rows=rows)
        return latent_BND[:, 1:]

    def project_image(self, tokens_BND: Tensor) -> Tensor:
        """Tokens -> v [B, N, projection], the space sentences are compared in."""
        return self.image_head(tokens_BND).float()  # type: ignore[no-any-return]

    def encode_text(self, ids_BL: Tensor, mask_BL: Tensor | None = None) -> Tensor:
        """Token ids and mask (1 = token) -> last hidden states [B, L, D]."""
        return self.text_encoder(ids_BL, mask_BL)  # type: ignore[no-any-return]

    def sentence_features(self, text_tokens_BLD: Tensor, sentence_ids_BL: Tensor) -> Tensor:
        """e [B, S, projection]: mean projected token of sentence s = 1..S; the zero vector where a report has no sentence s.

        sentence_ids_BL: 0 = no sentence. Position 0 ([CLS]) never counts. S is the largest id in the batch.
        """
        ids_BL = sentence_ids_BL[:, 1:].to(torch.int64)
        sentences = max(int(ids_BL.max()), 1) if ids_BL.numel() else 1
        t_BLD: Tensor = self.text_head(text_tokens_BLD[:, 1:]).float()
        member_BSL = F.one_hot(ids_BL, sentences + 1)[..., 1:].transpose(1, 2).to(t_BLD.dtype)
        return member_BSL @ t_BLD / member_BSL.sum(-1, keepdim=True).clamp(min=1)

    def similarity_BSN(self, e_BSD: Tensor, v_BND: Tensor) -> Tensor:
        """cos(e_s, v_n) [B, S, N] in [-1, 1]; 0 for the zero vector of an absent sentence."""
        return F.normalize(e_BSD, dim=-1) @ F.normalize(v_BND, dim=-1).transpose(1, 2)

    def adaptive_k(self, e_BSD: Tensor) -> Tensor:
        """K_s = 2^floor(span * sigmoid(w.e_s + b) + offset), int64 [B, S]. An integer cast: it carries no gradient (1.7)."""
        with torch.no_grad():
            share_BS: Tensor = self.regression_head(e_BSD.to(self.regression_head.weight.dtype)).squeeze(-1).sigmoid()
            kappa_BS = torch.floor(self.config.kappa_span * share_BS + self.config.kappa_offset).to(torch.int64)
            return torch.ones_like(kappa_BS) << kappa_BS

    def region_features(self, similarity_BSN: Tensor, topk_BS: Tensor, v_BND: Tensor) -> Tensor:
        """g [B, S, D]: mean of the K_s image tokens most similar to sentence s (of all N when there are fewer)."""
        tokens = v_BND.shape[1]
        topk_BS = topk_BS.clamp(max=tokens)
        order_BSK = similarity_BSN.topk(int(topk_BS.max()), dim=-1).indices
        rank_K = torch.arange(order_BSK.shape[-1], device=v_BND.device)
        weight_BSK = (rank_K < topk_BS.unsqueeze(-1)).to(v_BND.dtype) / topk_BS.unsqueeze(-1)
        weight_BSN = torch.zeros_like(similarity_BSN, dtype=v_BND.dtype).scatter(-1, order_BSK, weight_BSK)
        return weight_BSN @ v_BND


def alignment_loss(
    e_BSD: Tensor, g_BSD: Tensor, valid_BS: Tensor, temperature: float = 0.07, mask_padding: bool = False
) -> Tensor:
    """L_align of 1.7: symmetric InfoNCE between the sentences of one report and their regions, summed over both directions.

    valid_BS: True where sentence s exists; the means run over these. mask_padding=False is the published behaviour (absent
    sentences stay in the denominators); True removes them. Returns zero when no sentence is valid.
    """
    logits_BSS = F.normalize(e_BSD, dim=-1) @ F.normalize(g_BSD, dim=-1).transpose(1, 2) / temperature
    valid_BS = valid_BS.bool()
    if not bool(valid_BS.any()):
        return logits_BSS.sum() * 0.0
    if mask_padding:
        both_BSS = valid_BS.unsqueeze(1) & valid_BS.unsqueeze(2)
        logits_BSS = logits_BSS.masked_fill(~both_BSS, torch.finfo(logits_BSS.dtype).min)
    diagonal_BS = logits_BSS.diagonal(dim1=1, dim2=2)
    text_to_region = (logits_BSS.logsumexp(2) - diagonal_BS)[valid_BS].mean()
    region_to_text = (logits_BSS.logsumexp(1) - diagonal_BS)[valid_BS].mean()
    return text_to_region + region_to_text
