"""The models this version knows, and where their weights live. Names lead to data, never to code (rule R2)."""

from __future__ import annotations

import os
import string
from dataclasses import dataclass
from pathlib import Path

from asap.errors import WeightsError
from asap.models.config import AsapConfig, EncoderConfig, TextConfig
from asap.models.manifest import MANIFEST_NAME, read_manifest

PACKAGED_WEIGHTS = Path(__file__).parents[1] / "weights"

_COMMON_WORDS = """the in of with and no is are there mm right left upper middle lower lobe lung lungs pleural effusion
pneumothorax consolidation nodule mass heart aorta normal size opacity ground glass atelectasis emphysema lymph node nodes
small large seen calcified plaque coronary pericardial mediastinal hilar fracture vertebra rib clear patent enlarged"""
# Characters first, so that any text can be written; then the words most sentences of a chest report are made of.
TEST_WORDS: tuple[str, ...] = (
    *".,-/()'",
    *string.digits,
    *string.ascii_lowercase,
    *(f"##{c}" for c in string.digits + string.ascii_lowercase),
    *_COMMON_WORDS.split(),
)
TEST_CONFIG = AsapConfig(
    encoder=EncoderConfig(
        width=48, depth=2, heads=4, mlp_ratio=2.0, patch=(8, 8, 4), grid=(14, 14, 14), spacing_mm=(3.0, 3.0, 6.0)
    ),
    text=TextConfig(vocab=5 + len(TEST_WORDS), width=32, depth=2, heads=4, mlp_ratio=2.0, max_positions=128),
    projection=40,
)


@dataclass(frozen=True)
class ModelEntry:
    """One known model. seed: its weights are made from this number instead of being read from a file."""

    name: str
    architecture: str
    summary: str
    seed: int | None = None


MODELS: dict[str, ModelEntry] = {
    "asap-base": ModelEntry(
        "asap-base", "asap", "the published architecture (ViT-B, CXR-BERT); import the published checkpoint or your own"
    ),
    "asap-mini": ModelEntry(
        "asap-mini", "asap-mini", "the embedded default, trained on generated cases; shipped with the package"
    ),
    "asap-test": ModelEntry(
        "asap-test", "asap", "tiny, random, made from a seed; for tests of everything around a model", seed=20260602
    ),
}


def user_weights() -> Path:
    """The user's weights folder: ASAP_WEIGHTS, or ~/.local/share/asap/weights."""
    named = os.environ.get("ASAP_WEIGHTS", "")
    return Path(named) if named else Path.home() / ".local" / "share" / "asap" / "weights"


def model_folder(name: str) -> Path:
    """Folder of a known model's weights, the user's before the package's. WeightsError says what to do when there is none."""
    if name not in MODELS:
        raise WeightsError(f"There is no model of this name; known are {', '.join(MODELS)}.")
    for root in (user_weights(), PACKAGED_WEIGHTS):
        if (root / name / MANIFEST_NAME).is_file():
            return root / name
    raise WeightsError(f"The weights of {name} are not installed; `asap weights import` brings in a published checkpoint.")


def folder_for_trunk(name: str, trunk_sha256: str) -> Path | None:
    """Folder of weights that were trained on these very weights of a model, the user's before the package's; None without one.

    name: of the folder. Raises WeightsError when a manifest cannot be read.
    """
    for root in (user_weights(), PACKAGED_WEIGHTS):
        folder = root / name
        if (folder / MANIFEST_NAME).is_file() and read_manifest(folder).config.get("trunk_sha256") == trunk_sha256:
            return folder
    return None
