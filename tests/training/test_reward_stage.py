"""The reward stage runs with real classes on a tiny language model, and moves the adapters only."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asap.drafts import FindingEstimate
from asap.models.language_decoder import load_language_model, with_lora
from asap_training.reward_stage import evidence_prompt, tune_with_rewards
from tests.models.tiny_language import write_tiny_language


def test_the_prompt_tells_what_was_found_and_how_surely() -> None:
    estimates = [
        FindingEstimate("nodule", "left", "upper_lobe", 0.8, (0.0, 0.0, 0.0)),
        FindingEstimate("mass", "right", "lower_lobe", 0.02, (0.0, 0.0, 0.0)),
    ]
    prompt = evidence_prompt(estimates)
    assert prompt.startswith("There is a nodule in the left upper lobe. (0.80)\n")
    assert "mass" not in prompt


@pytest.mark.slow
def test_adapters_move_towards_what_is_rewarded(tmp_path: Path) -> None:
    language, tokenizer = load_language_model(write_tiny_language(tmp_path / "language"))
    torch.manual_seed(0)
    adapted = with_lora(language, dropout=0.0)
    before = {name: value.detach().clone() for name, value in adapted.named_parameters()}

    def varied(completions: list[str], **_others: object) -> list[float]:
        return [float(len(set(text.split()))) for text in completions]

    rewards = tune_with_rewards(
        adapted, tokenizer, ["write the findings"], [varied], steps=3, folder=tmp_path / "run", rate=1e-2, longest=12
    )
    assert len(rewards) == 3
    moved = {name for name, value in adapted.named_parameters() if not torch.equal(value, before[name])}
    assert moved
    assert all("lora_" in name for name in moved)
