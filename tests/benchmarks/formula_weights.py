"""`asap-base` with formula-made weights, so that its speed can be measured without the published checkpoint.

Run: python -m tests.benchmarks.formula_weights FOLDER, then set ASAP_WEIGHTS=FOLDER; `asap-base` loads from there.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from asap.models.config import AsapConfig
from asap.models.manifest import Manifest
from asap.models.weights import write_weights
from tests.benchmarks.bf16_agreement import formula_model


def write_formula_weights(root: Path, tokenizer_json: str, dtype: torch.dtype = torch.bfloat16) -> Manifest:
    """Write `root`/asap-base (400 MB in bfloat16)."""
    config = AsapConfig()
    return write_weights(
        root / "asap-base",
        formula_model(config).set_precision(dtype).state_dict(),
        name="asap-base",
        architecture="asap",
        config=config.to_json(),
        source="made by formula for measurements; it has learnt nothing",
        licence="Apache-2.0",
        tokenizer_json=tokenizer_json,
    )


def main() -> None:
    """Write the weights with the reference's tokenizer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    default = Path(os.environ.get("ASAP_REFERENCE_DATA", ".")) / "parity" / "cxrbert_wordpiece.json"
    parser.add_argument("--tokenizer", type=Path, default=default)
    options = parser.parse_args()
    manifest = write_formula_weights(options.folder, options.tokenizer.read_text(encoding="utf-8"))
    print(f"asap-base, sha256 {manifest.weights_sha256}")


if __name__ == "__main__":
    main()
