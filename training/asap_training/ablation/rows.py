"""The rows of the ablation: the published recipe built up loss by loss, its relatives, and each correction alone.

All at one small size and one budget, so that rows differ in what they are trained for and in nothing else. The setting is made so
that some ten minutes of one processor core are enough to learn something, which whole chests at 24 mm a token were not:

- boxes of 128 mm instead of whole chests, about half of them cut where a lesion of 2 ml or more is (`boxes.py`): it fills
  some of 512 tokens instead of one of 2,744, and a report of the box speaks of little else;
- tokens of 16 mm with 4 x 4 x 4 voxels of 4 mm, a quarter of the hidden ones decoded, so that a step of 16 boxes takes half a
  second at the most and a row sees every box some six times;
- regions of 4 to 16 tokens (8 where the number is fixed), the published share of the visible ones;
- two fields of view of each box, made once and shared by all rows: data cost nothing;
- no drop-out, in the frozen text encoder or in the report decoder: its random numbers alone took a quarter of a published step.

What it cannot show: what the published grid, a whole report, long training and real text would change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from asap.models.config import AsapConfig, EncoderConfig, TextConfig
from asap_training.bert_dropout import NO_DROPOUT
from asap_training.decoders import DecoderConfig
from asap_training.recipes import CORRECTIONS, LossWeights, Recipe, asap_base, asap_base_paper, simcrop

WIDTH, DEPTH, HEADS, POSITIONS = 96, 4, 3, 192
SPACING_MM, PATCH, GRID = (4.0, 4.0, 4.0), (4, 4, 4), (8, 8, 8)
FIELD_MM, JITTER_MM, VIEWS_PER_BOX = 128.0, 8.0, 2
LEARNING_RATE, BATCH, STEPS = 1.5e-3, 16, 600
KAPPA_OFFSET, FIXED_REGION_TOKENS = 2, 8
NONE = LossWeights(image=0.0, report=0.0, alignment=0.0, anatomy=0.0)


@dataclass(frozen=True)
class AblationRow:
    """reason: what the row is there to tell. recipe: at the published size; `small` makes it the row's."""

    reason: str
    recipe: Callable[[], Recipe]


def text_config(vocabulary: int) -> TextConfig:
    """The frozen text encoder of all rows."""
    return TextConfig(vocab=vocabulary, width=WIDTH, depth=2, heads=HEADS, mlp_ratio=2.0, max_positions=POSITIONS)


def small(recipe: Recipe, name: str, vocabulary: int, seed: int) -> Recipe:
    """The recipe at the size and budget of the ablation; a grid that is not cubic stays so."""
    grid = recipe.model.encoder.grid if recipe.model.encoder.grid != EncoderConfig().grid else GRID
    encoder = EncoderConfig(WIDTH, depth=DEPTH, heads=HEADS, mlp_ratio=4.0, patch=PATCH, grid=grid, spacing_mm=SPACING_MM)
    settings = replace(
        recipe.optimisation,
        learning_rate=LEARNING_RATE,
        batch=BATCH,
        accumulation=1,
        clip_norm=1.0,
        precision="float32",
        seed=seed,
    )
    return replace(
        recipe,
        name=name,
        model=AsapConfig(encoder=encoder, text=text_config(vocabulary), projection=WIDTH, kappa_offset=KAPPA_OFFSET),
        fixed_region_tokens=FIXED_REGION_TOKENS,
        decoders=DecoderConfig(image_depth=2, image_heads=HEADS, organ_block=1, report_depth=2, report_heads=HEADS),
        optimisation=settings,
        decoded_share=0.25,
        text_dropout=NO_DROPOUT,
        report_dropout=NO_DROPOUT,
    )


def _weighted(**weights: float) -> Callable[[], Recipe]:
    """The published recipe with these losses alone; without alignment the report decoder has no region token to read."""
    return lambda: replace(asap_base_paper(), weights=replace(NONE, **weights), region_token=False)


def _unmasked_regions() -> Recipe:
    recipe = asap_base()
    return replace(recipe, pool_known=False, weights=replace(recipe.weights, region=0.0))


def _not_cubic() -> Recipe:
    recipe = asap_base_paper()
    return replace(recipe, model=replace(recipe.model, encoder=replace(recipe.model.encoder, grid=(9, 7, 8))))


def _corrected(name: str) -> Callable[[], Recipe]:
    return lambda: CORRECTIONS[name].change(asap_base_paper())


# What a row of its own can show at this size. Drop-out, precision and the decoded share are the same in all rows.
ALONE = (
    "K that learns",
    "padded sentences out",
    "hidden words only",
    "similarity-guided fusion",
    "negatives of the batch",
    "sides kept",
    "known regions",
    "whole studies",
)
ROWS: dict[str, AblationRow] = {
    "image": AblationRow("masked image modelling alone", _weighted(image=1.0)),
    "image-report": AblationRow("and masked report modelling", _weighted(image=1.0, report=1.0)),
    "image-report-alignment": AblationRow("and sentence alignment", _weighted(image=1.0, report=1.0, alignment=1.0)),
    "image-report-alignment-anatomy": AblationRow(
        "and anatomy injection", _weighted(image=1.0, report=1.0, alignment=1.0, anatomy=1.0)
    ),
    "published": AblationRow("and the regions' token in the fusion: the published recipe", asap_base_paper),
    "simcrop": AblationRow("its predecessor", simcrop),
    "global-contrast": AblationRow("whole image against whole report, as CLIP does, on visible tokens", _weighted(study=1.0)),
    "corrected": AblationRow("all corrections", asap_base),
    "corrected-without-regions": AblationRow("all corrections but the known regions", _unmasked_regions),
    "known-regions-alone": AblationRow("nothing but alignment supervised by known regions", _weighted(region=1.0)),
    "grid-not-cubic": AblationRow("the published recipe on 144 x 112 x 128 mm", _not_cubic),
    **{f"published+{name.lower().replace(' ', '-')}": AblationRow(CORRECTIONS[name].reason, _corrected(name)) for name in ALONE},
}
