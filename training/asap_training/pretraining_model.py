"""The published model with everything its four losses read, and the corrections a recipe asks for (asap-method 1.3-1.8).

Axes: B batch, N tokens of the grid, K visible, M masked and decoded, L text positions, S sentences, T scored text positions,
D width, C organ classes, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asap.models.asap import Asap, FeatureHead
from asap_training.bert_dropout import NO_DROPOUT, Dropout, encoded_text
from asap_training.data.batch import Batch
from asap_training.decoders import AnatomyHead, ImageDecoder, ReportDecoder, xavier
from asap_training.fusion import REGION_TOKEN_SCALE, FusionLayer
from asap_training.loop.precision import wide
from asap_training.masking import visible_and_masked
from asap_training.recipes import Recipe
from asap_training.regions import fixed_regions, known_regions, soft_regions


@dataclass(frozen=True, eq=False)
class Outputs:
    """What the objectives read. None where the recipe computes no such loss.

    visible_BK, masked_BM: token indices; voxels_BMP: guesses at the masked ones; organ_logits_BTC: of the visible, then the
    masked ones. sentence_BSD (e), region_BSD (g), similarity_BSK (cosine with the visible tokens): float32. report_logits_TV: of
    the scored positions, in the order of `batch.report_scored_BL`. study_image_BD, study_text_BD: the global heads.
    """

    visible_BK: Tensor
    masked_BM: Tensor
    voxels_BMP: Tensor
    organ_logits_BTC: Tensor | None
    sentence_BSD: Tensor
    region_BSD: Tensor
    similarity_BSK: Tensor
    report_logits_TV: Tensor
    study_image_BD: Tensor | None
    study_text_BD: Tensor | None
    study_scale: Tensor | None


class StudyHeads(nn.Module):
    """Whole image and whole report in one space: mean token and mean sentence, one matrix each, a learnt scale."""

    def __init__(self, projection: int) -> None:
        super().__init__()
        self.image = nn.Linear(projection, projection)
        self.text = nn.Linear(projection, projection)
        self.log_scale = nn.Parameter(torch.tensor(2.66))  # 1 / 0.07, as CLIP starts
        xavier(self)


class PretrainingModel(nn.Module):
    """`Asap` (which inference reads) inside what only training needs. Parameters that get no gradient ask for none."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        config, decoders = recipe.model, recipe.decoders
        self.asap = Asap(config)
        self.image_decoder = ImageDecoder(config.encoder, decoders)
        self.anatomy_head = AnatomyHead(config.encoder.width, decoders.organ_classes) if recipe.weights.anatomy else None
        self.report_head = FeatureHead(config.text.width, config.text.width)
        self.image_to_report = nn.Linear(config.encoder.width, config.text.width)
        self.fusion = FusionLayer(config.text.width, decoders, similarity_bias=recipe.similarity_bias)
        self.report_decoder = ReportDecoder(config.text, decoders)
        self.study_heads = StudyHeads(config.projection) if recipe.weights.study else None
        for part in (
            self.report_head,
            self.image_to_report,
            self.asap.image_head,
            self.asap.text_head,
            self.asap.regression_head,
        ):
            xavier(part)
        self.asap.text_encoder.requires_grad_(False)
        self.asap.regression_head.requires_grad_(recipe.regions == "soft" and self._pools())
        self.asap.image_head.requires_grad_(self._aligns())
        self.asap.text_head.requires_grad_(bool(recipe.weights.alignment or recipe.weights.region or recipe.weights.study))
        self.image_decoder.requires_grad_(self._decodes_image())
        for part in (self.report_head, self.image_to_report, self.fusion, self.report_decoder):
            part.requires_grad_(bool(recipe.weights.report))

    def _decodes_image(self) -> bool:
        return bool(self.recipe.weights.image or self.recipe.weights.anatomy)

    def _pools(self) -> bool:
        """Whether a loss reads pooled regions: alignment, or a report decoder that looks at them."""
        weights = self.recipe.weights
        return bool(weights.alignment or (weights.report and self.recipe.region_token))

    def _aligns(self) -> bool:
        """Whether anything reads the space of sentences and tokens."""
        weights = self.recipe.weights
        return bool(self._pools() or weights.region or weights.study or (weights.report and self.recipe.similarity_bias))

    def forward(self, batch: Batch) -> Outputs:
        """Encode what is visible, decode what is not, align sentences, decode the report."""
        recipe, asap = self.recipe, self.asap
        visible_BK, masked_BM = visible_and_masked(batch.noise_BN, recipe.image_masked_share)
        masked_BM = masked_BM[:, : max(1, round(masked_BM.shape[1] * recipe.decoded_share))]
        latent_BKD = asap.image_encoder(batch.volume_B1HWD, visible_BK)
        decoded = self.image_decoder(latent_BKD, visible_BK, masked_BM) if self._decodes_image() else None
        sentence_BSD, similarity_BSK, region_BSD, image_BKD = self._alignment(batch, latent_BKD, visible_BK)
        study = self._study(image_BKD, sentence_BSD, batch.valid_BS) if self.study_heads is not None else (None, None, None)
        organs = None if self.anatomy_head is None or decoded is None else self.anatomy_head(decoded.middle_BTD)
        none_TV = latent_BKD.new_zeros(0, recipe.model.text.vocab)
        return Outputs(
            visible_BK,
            masked_BM,
            latent_BKD.new_zeros(len(masked_BM), 0, 0) if decoded is None else decoded.voxels_BMP,
            organs,
            sentence_BSD,
            region_BSD,
            similarity_BSK,
            self._report_logits(batch, latent_BKD, region_BSD, similarity_BSK) if recipe.weights.report else none_TV,
            *study,
        )

    def _alignment(self, batch: Batch, latent_BKD: Tensor, visible_BK: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sentences, their similarities to the visible tokens, what they pool, and the tokens; empty where nothing reads them."""
        asap = self.asap
        if not self._aligns():
            none_BSD = latent_BKD.new_zeros(len(latent_BKD), 0, self.recipe.model.projection)
            return none_BSD, none_BSD[..., :0], none_BSD, none_BSD
        text_BLD = batch.findings_states_BLD
        if text_BLD is None:
            text_BLD = self._text(batch.findings_ids_BL, batch.findings_mask_BL)
        image_BKD = wide(asap.image_head(latent_BKD[:, 1:]))
        words_BLD = wide(asap.text_head(text_BLD[:, 1:]))
        with torch.autocast(batch.volume_B1HWD.device.type, enabled=False):  # cosines and ranks are float32
            sentence_BSD = self._sentences(words_BLD, batch)
            similarity_BSK = asap.similarity_BSN(sentence_BSD, image_BKD)
            region_BSD = self._regions(sentence_BSD, similarity_BSK, image_BKD) if self._pools() else sentence_BSD[:, :0]
            if self.recipe.pool_known and self._pools():
                region_BSD = known_regions(batch.regions_BSN, visible_BK, image_BKD, region_BSD)
        return sentence_BSD, similarity_BSK, region_BSD, image_BKD

    def _text(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        with torch.no_grad():
            return encoded_text(self.asap.text_encoder, ids_BL, mask_BL, self._dropout(self.recipe.text_dropout))

    def _dropout(self, dropout: Dropout) -> Dropout:
        return dropout if self.training else NO_DROPOUT

    def _sentences(self, words_BLD: Tensor, batch: Batch) -> Tensor:
        """Mean projected token of each sentence, as `Asap.sentence_features`, with S of the batch."""
        sentences = batch.sentence_keys_BS.shape[1]
        member_BSL = F.one_hot(batch.findings_sentences_BL[:, 1:], sentences + 1)[..., 1:].transpose(1, 2).to(words_BLD.dtype)
        return member_BSL @ words_BLD / member_BSL.sum(-1, keepdim=True).clamp(min=1)

    def _regions(self, sentence_BSD: Tensor, similarity_BSK: Tensor, image_BKD: Tensor) -> Tensor:
        recipe, asap = self.recipe, self.asap
        if recipe.regions == "soft":
            share_BS = asap.regression_head(sentence_BSD).squeeze(-1).sigmoid()
            size_BS = 2.0 ** (recipe.model.kappa_span * share_BS + recipe.model.kappa_offset)
            return soft_regions(similarity_BSK, size_BS, image_BKD)
        if recipe.regions == "fixed":
            return fixed_regions(asap, similarity_BSK, recipe.fixed_region_tokens, image_BKD)
        return asap.region_features(similarity_BSK, asap.adaptive_k(sentence_BSD), image_BKD)

    def _report_logits(self, batch: Batch, latent_BKD: Tensor, region_BSD: Tensor, similarity_BSK: Tensor) -> Tensor:
        dropout = self._dropout(self.recipe.report_dropout)
        attend_B11L = batch.report_mask_BL[:, None, None, :]
        text_BLD = self.report_head(self._text(batch.report_masked_BL, batch.report_mask_BL))
        image_BKD = self.image_to_report(latent_BKD[:, 1:])
        extra_BGD = self._region_token(region_BSD, batch.valid_BS).to(image_BKD.dtype)
        similarity_BLK = self._by_position(batch, similarity_BSK) if self.recipe.similarity_bias else None
        fused_BLD = self.fusion(text_BLD, attend_B11L, image_BKD, extra_BGD, similarity_BLK=similarity_BLK, dropout=dropout)
        decoded_BLD = self.report_decoder(fused_BLD, attend_B11L, dropout)
        return self.report_decoder.logits(decoded_BLD[batch.report_scored_BL])

    def _region_token(self, region_BSD: Tensor, valid_BS: Tensor) -> Tensor:
        """0.2 of the mean region feature as one token [B, 1, D]; no token [B, 0, D] where the recipe has none."""
        if not self.recipe.region_token:
            return region_BSD[:, :0]
        if self.recipe.padded_sentences:
            mean_B1D = region_BSD.mean(dim=1, keepdim=True)
        else:
            weight_BS1 = valid_BS.unsqueeze(-1) / valid_BS.sum(1).clamp(min=1)[:, None, None]
            mean_B1D = (region_BSD * weight_BS1).sum(dim=1, keepdim=True)
        return REGION_TOKEN_SCALE * mean_B1D

    def _by_position(self, batch: Batch, similarity_BSK: Tensor) -> Tensor:
        """Similarity of each report position's sentence [B, L, K]; zero outside the findings. The report begins with them."""
        length = batch.report_ids_BL.shape[1]
        findings_BL = batch.findings_sentences_BL[:, :length]
        sentence_BL = F.pad(findings_BL, (0, length - findings_BL.shape[1]))
        padded_BSK = F.pad(similarity_BSK.detach(), (0, 0, 1, 0))
        return padded_BSK.gather(1, sentence_BL.unsqueeze(-1).expand(-1, -1, padded_BSK.shape[-1]))

    def _study(self, image_BKD: Tensor, sentence_BSD: Tensor, valid_BS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        heads = self.study_heads
        assert heads is not None
        sentences_BD = (sentence_BSD * valid_BS.unsqueeze(-1)).sum(1) / valid_BS.sum(1, keepdim=True).clamp(min=1)
        image_BD, text_BD = wide(heads.image(image_BKD.mean(1))), wide(heads.text(sentences_BD))
        return F.normalize(image_BD, dim=-1), F.normalize(text_BD, dim=-1), heads.log_scale.exp().clamp(max=100.0)
