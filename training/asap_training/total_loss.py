"""The weighted sum of the objectives a recipe asks for."""

from __future__ import annotations

from torch import Tensor

from asap_training.data.batch import Batch
from asap_training.objectives.anatomy_injection import anatomy_injection_loss
from asap_training.objectives.masked_image import masked_image_loss
from asap_training.objectives.masked_report import masked_report_loss
from asap_training.objectives.report_alignment import alignment_loss, region_loss, study_loss
from asap_training.pretraining_model import Outputs
from asap_training.recipes import Recipe
from asap_training.stats import Stats


def total_loss(outputs: Outputs, batch: Batch, recipe: Recipe) -> tuple[Tensor, Stats]:
    """L = sum of weight x loss (asap-method 1.1: all four weights 1), and every loss under its own name."""
    weights, temperature = recipe.weights, recipe.model.align_temperature
    terms: list[tuple[float, tuple[Tensor, Stats]]] = []
    if weights.image:
        terms.append((weights.image, masked_image_loss(outputs, batch, recipe.model.encoder.patch)))
    if weights.report:
        terms.append((weights.report, masked_report_loss(outputs, batch)))
    if weights.alignment:
        aligned = alignment_loss(
            outputs,
            batch,
            temperature=temperature,
            padded_sentences=recipe.padded_sentences,
            negatives=recipe.negatives,
        )
        terms.append((weights.alignment, aligned))
    if weights.anatomy:
        terms.append((weights.anatomy, anatomy_injection_loss(outputs, batch)))
    if weights.region:
        terms.append((weights.region, region_loss(outputs, batch, temperature=temperature)))
    if weights.study:
        terms.append((weights.study, study_loss(outputs, batch)))
    total = outputs.voxels_BMP.new_zeros(())
    stats: Stats = {}
    for weight, (loss, own) in terms:
        total = total + weight * loss
        stats |= own
    return total, {"loss": total.detach()} | stats
