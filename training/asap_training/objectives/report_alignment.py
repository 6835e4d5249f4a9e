"""Alignment of a report's sentences with image regions (asap-method 1.7), and what the corrected recipe adds to it.

Axes: B batch, S sentences, T = B S sentences of this rank, G those of all ranks, K visible tokens, D width.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from asap_training.data.batch import Batch
from asap_training.loop.distributed import gathered, own_rows, padded_to_common
from asap_training.masking import rows_of
from asap_training.objectives.region_supervision import pointing_loss
from asap_training.pretraining_model import Outputs
from asap_training.stats import Stats


def alignment_loss(
    outputs: Outputs,
    batch: Batch,
    *,
    temperature: float,
    padded_sentences: bool,
    negatives: Literal["report", "batch"],
) -> tuple[Tensor, Stats]:
    """Symmetric InfoNCE between sentences and their pooled regions, both directions added.

    padded_sentences: as published, absent sentences stay in the denominators. negatives: "report" tells a sentence from the
    others of its report, "batch" from all sentences of the batch on all ranks; sentences that say the same never oppose.
    """
    if negatives == "report":
        return _within_reports(outputs, batch, temperature, padded_sentences)
    return _across_batch(outputs, batch, temperature)


def _within_reports(outputs: Outputs, batch: Batch, temperature: float, padded_sentences: bool) -> tuple[Tensor, Stats]:
    valid_BS = batch.valid_BS
    sentence, region = F.normalize(outputs.sentence_BSD, dim=-1), F.normalize(outputs.region_BSD, dim=-1)
    logits_BSS = sentence @ region.transpose(1, 2) / temperature
    if not padded_sentences:
        absent_BSS = ~(valid_BS.unsqueeze(1) & valid_BS.unsqueeze(2))
        logits_BSS = logits_BSS.masked_fill(absent_BSS, torch.finfo(logits_BSS.dtype).min)
    diagonal_BS = logits_BSS.diagonal(dim1=1, dim2=2)
    loss_BS = logits_BSS.logsumexp(2) + logits_BSS.logsumexp(1) - 2 * diagonal_BS
    right_BS = logits_BSS.argmax(-1) == torch.arange(logits_BSS.shape[1], device=logits_BSS.device)
    return _mean(loss_BS, right_BS, valid_BS, batch)


def _across_batch(outputs: Outputs, batch: Batch, temperature: float) -> tuple[Tensor, Stats]:
    keys_BS = torch.where(batch.valid_BS, batch.sentence_keys_BS, 0)
    sentence_TD = F.normalize(outputs.sentence_BSD, dim=-1).flatten(0, 1)
    region_TD = F.normalize(outputs.region_BSD, dim=-1).flatten(0, 1)
    keys_T = keys_BS.flatten()
    sentence_TD, region_TD, keys_T = padded_to_common(sentence_TD, region_TD, keys_T)
    sentence_GD, region_GD, keys_G = gathered(sentence_TD), gathered(region_TD), gathered(keys_T)
    mine_T = own_rows(keys_T)
    hidden_TG = (keys_T[:, None] == keys_G) | (keys_G == 0)
    hidden_TG.scatter_(1, mine_T[:, None], False)
    lowest = torch.finfo(sentence_TD.dtype).min
    text_TG = (sentence_TD @ region_GD.T / temperature).masked_fill(hidden_TG, lowest)
    image_TG = (region_TD @ sentence_GD.T / temperature).masked_fill(hidden_TG, lowest)
    diagonal_T = text_TG.gather(1, mine_T[:, None]).squeeze(1)
    loss_T = text_TG.logsumexp(1) + image_TG.logsumexp(1) - 2 * diagonal_T
    return _mean(loss_T, text_TG.argmax(1) == mine_T, keys_T != 0, batch)


def _mean(loss: Tensor, right: Tensor, valid: Tensor, batch: Batch) -> tuple[Tensor, Stats]:
    sentences = max((batch.counts or batch.own_counts()).sentences, 1.0)
    mean = torch.where(valid, loss, 0.0).sum() / sentences
    return mean, {"alignment": mean.detach(), "alignment_right": (right & valid).sum() / sentences}


def region_loss(outputs: Outputs, batch: Batch, *, temperature: float) -> tuple[Tensor, Stats]:
    """Alignment where a sentence's region is known: its similarities to the visible tokens, as a distribution, follow the region.

    Cross-entropy less entropy (`pointing_loss`); sentences without a region, or whose region is all hidden, give 0.
    """
    visible_BKS = rows_of(batch.regions_BSN.transpose(1, 2), outputs.visible_BK)
    fraction_TK = visible_BKS.transpose(1, 2).flatten(0, 1)
    taught = (fraction_TK.sum(-1) > 0).sum()
    mean = pointing_loss(outputs.similarity_BSK.flatten(0, 1) / temperature, fraction_TK)
    loss = mean * taught / max((batch.counts or batch.own_counts()).regions, 1.0)
    return loss, {"region": loss.detach()}


def study_loss(outputs: Outputs, batch: Batch) -> tuple[Tensor, Stats]:
    """Symmetric cross-entropy that finds each image's report, and each report's image, among all of the step's batch."""
    image_BD, text_BD, scale = outputs.study_image_BD, outputs.study_text_BD, outputs.study_scale
    if image_BD is None or text_BD is None or scale is None:
        raise ValueError("the model was built without heads for whole studies")
    key_B = batch.sentence_keys_BS.sum(1)  # whatever the order of the sentences
    mine_B = own_rows(key_B)
    same_BG = (key_B[:, None] == gathered(key_B)).scatter(1, mine_B[:, None], False)
    by_image_BG = (scale * image_BD @ gathered(text_BD).T).masked_fill(same_BG, torch.finfo(image_BD.dtype).min)
    by_text_BG = (scale * text_BD @ gathered(image_BD).T).masked_fill(same_BG, torch.finfo(image_BD.dtype).min)
    by_image, by_text = (F.cross_entropy(x, mine_B, reduction="sum") for x in (by_image_BG, by_text_BG))
    loss = (by_image + by_text) / 2 / max((batch.counts or batch.own_counts()).studies, 1.0)
    return loss, {"study": loss.detach()}
