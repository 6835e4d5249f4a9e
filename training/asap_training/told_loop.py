"""The loop of fine-tuning on text: frozen cells in, a decoder that learns. One step is one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from asap.models.language_decoder import LanguageDecoder
from asap.models.report_decoder import ReportDecoder
from asap.pause import Pause, no_pause
from asap_training.data.told_batch import language_batch, word_batch
from asap_training.data.told_cases import Told

CellsOf = Callable[[str], Tensor]


@dataclass(frozen=True)
class ToldRecipe:
    """Published rates: 5e-5 for the projector, 1e-5 for adapters and Q-Former (2.6); 1e-4 for the small decoder (2.4)."""

    steps: int
    batch: int = 4
    rate: float = 1e-4
    adapter_rate: float = 1e-5
    decay: float = 0.01
    warm_up: int = 0
    seed: int = 0


def fine_tune(
    decoder: LanguageDecoder | ReportDecoder,
    told: Sequence[Told],
    cells_of: CellsOf,
    recipe: ToldRecipe,
    *,
    on_step: Callable[[int, float], None],
    pause: Pause = no_pause,
) -> None:
    """Train in place. cells_of: cells [N, C] of a volume by name. pause: called before every step; what it raises ends it."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    optimiser = torch.optim.AdamW(_groups(decoder, recipe), weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _share(step, recipe))
    decoder.train()
    for step in range(recipe.steps):
        pause()
        drawn = [told[n] for n in rng.choice(len(told), size=min(recipe.batch, len(told)), replace=False)]
        cells_BNC = torch.stack([cells_of(one.volume) for one in drawn]).float()
        loss = _loss(decoder, cells_BNC, drawn)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        on_step(step, loss.item())
    decoder.eval()


def _loss(decoder: LanguageDecoder | ReportDecoder, cells_BNC: Tensor, told: Sequence[Told]) -> Tensor:
    if isinstance(decoder, LanguageDecoder):
        batch = language_batch(decoder.tokenizer, told)
        return decoder.loss(cells_BNC, batch.ids_BT, batch.mask_BT, batch.weight_BT)
    words = word_batch(decoder, told)
    return decoder.loss(cells_BNC, words.ids_BT, words.weight_BT)


def _groups(decoder: nn.Module, recipe: ToldRecipe) -> list[dict[str, object]]:
    """The prefix at the full rate, adapters of the language model at theirs; a small decoder is one group."""
    named = [(name, value) for name, value in decoder.named_parameters() if value.requires_grad]
    adapters = [value for name, value in named if name.startswith("language.")]
    rest = [value for name, value in named if not name.startswith("language.")]
    groups: list[dict[str, object]] = [{"params": rest, "lr": recipe.rate}]
    return groups + ([{"params": adapters, "lr": recipe.adapter_rate}] if adapters else [])


def _share(step: int, recipe: ToldRecipe) -> float:
    """Linear warm-up, then half a cosine to zero."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    done = (step - recipe.warm_up) / max(1, recipe.steps - recipe.warm_up)
    return float(0.5 * (1.0 + np.cos(np.pi * min(1.0, done))))
