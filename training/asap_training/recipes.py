"""How each model is pre-trained: frozen dataclasses, and one function per recipe that returns them.

`asap_base_paper` is the released behaviour, quirks included; `simcrop` its predecessor; `asap_base` the corrected one; and
`asap_test` the corrected one in miniature. A run saves its recipe as JSON beside its log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from asap.models.catalog import TEST_CONFIG
from asap.models.config import AsapConfig
from asap_training.bert_dropout import NO_DROPOUT, Dropout
from asap_training.decoders import DecoderConfig


@dataclass(frozen=True)
class LossWeights:
    """What each loss is multiplied by; one whose weight is 0 is not computed and has no parameters."""

    image: float = 1.0
    report: float = 1.0
    alignment: float = 1.0
    anatomy: float = 1.0
    region: float = 0.0
    study: float = 0.0


@dataclass(frozen=True)
class Optimisation:
    """AdamW with linear warm-up and half a cosine to zero, per step. Learning rate is absolute, not scaled by the batch.

    batch: samples per micro-batch and rank. clip_norm: None leaves gradients as they are.
    """

    learning_rate: float = 1.5e-4
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05
    epochs: float = 200.0
    warmup_epochs: float = 20.0
    batch: int = 14
    accumulation: int = 8
    clip_norm: float | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float16"
    seed: int = 42


@dataclass(frozen=True)
class Recipe:
    """One pre-training run. Every switch is a named field; defaults are the released behaviour (asap-method 1).

    regions: how many tokens a sentence pools. "floor": 2^floor(.), which teaches the regression head nothing; "fixed":
    `fixed_region_tokens`; "soft": a soft rank threshold at 2^(.), which does.
    padded_sentences: absent sentences stay in the alignment's denominators and in the mean region feature.
    report_scope: positions whose report loss counts, and "all" also masks padding.
    region_token: the mean region feature is one more image token for the report decoder. similarity_bias: see `FusionLayer`.
    pool_known: a sentence whose region is known and in sight pools that region instead of the tokens it likes best.
    negatives: what a sentence is told apart from: the other sentences of its report, or of all reports of the step's batch.
    keep_sides: no left-right flip while a sentence names a side. decoded_share: part of the masked tokens that is decoded.
    text_dropout, report_dropout: of the frozen text encoder and of the report decoder.
    """

    name: str
    model: AsapConfig = field(default_factory=AsapConfig)
    decoders: DecoderConfig = field(default_factory=DecoderConfig)
    weights: LossWeights = field(default_factory=LossWeights)
    optimisation: Optimisation = field(default_factory=Optimisation)
    image_masked_share: float = 0.75
    report_masked_share: float = 0.75
    regions: Literal["floor", "fixed", "soft"] = "floor"
    fixed_region_tokens: int = 32
    padded_sentences: bool = True
    report_scope: Literal["all", "masked"] = "all"
    region_token: bool = True
    similarity_bias: bool = False
    pool_known: bool = False
    negatives: Literal["report", "batch"] = "report"
    keep_sides: bool = False
    decoded_share: float = 1.0
    text_dropout: Dropout = field(default_factory=lambda: Dropout(hidden=0.25, attention=0.1))
    report_dropout: Dropout = field(default_factory=lambda: Dropout(hidden=0.1, attention=0.1))


def asap_base_paper() -> Recipe:
    """The released behaviour (asap-method 1.2-1.9): 4 ranks x 14 x 8 = 448 samples a step, 200 epochs, float16.

    Two things differ: a loss is the mean over the step's sentences, not the mean of its micro-batches' means; and findings and
    impression are joined by a blank, which gives other tokens only where the findings do not end in a full stop or the
    impression does not begin with a word.
    """
    return Recipe("asap_base_paper")


def simcrop() -> Recipe:
    """SimCroP (arXiv 2509.08311; asap-method 3): fixed K, no anatomy injection, no region token. Its K is not published: 32."""
    paper = asap_base_paper()
    return replace(paper, name="simcrop", weights=replace(paper.weights, anatomy=0.0), regions="fixed", region_token=False)


@dataclass(frozen=True)
class Correction:
    """One difference of `asap_base` from the published recipe: its reason, and how it changes a recipe."""

    reason: str
    change: Callable[[Recipe], Recipe]


def _weighted(**weights: float) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, weights=replace(recipe.weights, **weights))


def _switched(**fields: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, **fields)


def _stable(recipe: Recipe) -> Recipe:
    return replace(recipe, optimisation=replace(recipe.optimisation, precision="bfloat16", clip_norm=1.0))


def _with_known_regions(recipe: Recipe) -> Recipe:
    return replace(recipe, pool_known=True, weights=replace(recipe.weights, region=1.0))


# Each is a row of `asap-train ablation` too. A grid that is not cubic needs no switch: it is `EncoderConfig.grid`.
CORRECTIONS: dict[str, Correction] = {
    "K that learns": Correction(
        "the released K is an integer cast, so the head that chooses it never learns", _switched(regions="soft")
    ),
    "padded sentences out": Correction(
        "a report's loss must not depend on how many sentences its neighbours in the batch have",
        _switched(padded_sentences=False),
    ),
    "hidden words only": Correction(
        "most of the released report loss is padding and words that were never hidden", _switched(report_scope="masked")
    ),
    "similarity-guided fusion": Correction(
        "the report decoder is shown which tokens belong to a position's sentence, as the method describes",
        _switched(similarity_bias=True),
    ),
    "negatives of the batch": Correction(
        "sentences of one report alone are few, and whole reports never have to be told apart", _switched(negatives="batch")
    ),
    "sides kept": Correction(
        'a mirrored chest with "left" in its report teaches the opposite of what is said', _switched(keep_sides=True)
    ),
    "known regions": Correction(
        "where a sentence's region is known (masks, generated cases), alignment is supervised by it; tokens of the sentence's "
        "own choice would be pulled the other way",
        _with_known_regions,
    ),
    "whole studies": Correction(
        "a global image-report head, for retrieval and zero-shot classification, which the release lacks", _weighted(study=1.0)
    ),
    "half of the hidden decoded": Correction(
        "half of the masked tokens teach as much per token and cost half (performance 2.1)", _switched(decoded_share=0.5)
    ),
    "no text dropout": Correction(
        "a frozen encoder's features are then one per sentence, and can be kept", _switched(text_dropout=NO_DROPOUT)
    ),
    "bfloat16, clipped": Correction("bfloat16 needs no loss scaling, and one odd batch must not undo a day", _stable),
}


def asap_base() -> Recipe:
    """The corrected recipe: the published one with every one of `CORRECTIONS`."""
    recipe = replace(asap_base_paper(), name="asap_base")
    for correction in CORRECTIONS.values():
        recipe = correction.change(recipe)
    return recipe


def asap_test() -> Recipe:
    """The corrected recipe on 216 tokens and the small vocabulary of `asap-test`: milliseconds a step, for tests and trials."""
    base = asap_base()
    encoder = replace(TEST_CONFIG.encoder, grid=(6, 6, 6), spacing_mm=(7.0, 7.0, 14.0))
    return replace(
        base,
        name="asap_test",
        model=replace(TEST_CONFIG, encoder=encoder, projection=TEST_CONFIG.text.width, kappa_offset=2),
        decoders=DecoderConfig(image_depth=2, image_heads=4, image_mlp_ratio=2.0, organ_block=1, report_depth=1, report_heads=4),
        optimisation=replace(
            base.optimisation, learning_rate=1e-3, epochs=8, warmup_epochs=1, batch=2, accumulation=1, precision="float32"
        ),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "asap_base_paper": asap_base_paper,
    "simcrop": simcrop,
    "asap_base": asap_base,
    "asap_test": asap_test,
}
