"""A fine-tuned UNETR that takes no training: random weights from a seed, few windows a chest."""

from __future__ import annotations

from pathlib import Path

from asap.models.config import EncoderConfig
from asap.models.load import seeded_state
from asap.models.load_unetr import UnetrConfig, load_unetr, write_unetr

NAME = "tiny-unetr"
# One that asap-mini draws too, one that nothing else knows.
LABELS = ("Heart", "Odd thing")
ENCODER = EncoderConfig(
    width=24, depth=12, heads=2, mlp_ratio=1.0, patch=(8, 8, 8), grid=(2, 2, 2), spacing_mm=(16.0, 16.0, 16.0)
)


def tiny_unetr(parent: Path, labels: tuple[str, ...] = LABELS) -> Path:
    """Write it as `asap-train finetune segmentation` does; its folder."""
    folder = parent / NAME
    config = UnetrConfig(ENCODER, labels, features=4, overlap=0.0)
    state = seeded_state(config.network(), 3)
    weight = state["out.weight"]
    weight[0], weight[1], weight[2] = 0.0, 10 * weight[1], -10 * weight[1]  # sure of itself, so that both labels are drawn
    write_unetr(folder, config, state, source="a test", licence="none")
    load_unetr(folder)
    return folder
