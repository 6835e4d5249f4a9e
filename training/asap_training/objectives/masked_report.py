"""Masked report modelling (asap-method 1.8): the words that were hidden, guessed with the image in sight.

Axes: B batch, L text positions, T scored positions, V vocabulary.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from asap_training.data.batch import Batch
from asap_training.loop.precision import wide
from asap_training.pretraining_model import Outputs
from asap_training.stats import Stats


def masked_report_loss(outputs: Outputs, batch: Batch) -> tuple[Tensor, Stats]:
    """Mean cross-entropy over the positions the batch scores: all 512 as published, or the hidden words alone.

    Stats: `report`, and `report_words`, the share of scored positions whose most likely word is the right one.
    """
    target_T = batch.report_ids_BL[batch.report_scored_BL]
    counts = batch.counts or batch.own_counts()
    total = F.cross_entropy(wide(outputs.report_logits_TV), target_T, reduction="sum")
    loss = total / max(counts.report_positions, 1.0)
    right = (outputs.report_logits_TV.detach().argmax(-1) == target_T).sum() / max(counts.report_positions, 1.0)
    return loss, {"report": loss.detach(), "report_words": right}
