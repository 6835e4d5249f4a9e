"""What the commands that answer into a folder share: its list of answers, the maps of a grounding, and the case's own record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from asap.errors import InputError
from asap.figures import overview_png
from asap.grounding import Grounding
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.io.atomic import write_bytes
from asap.io.nifti import write_nifti
from asap.volume import Volume

NOTICE = "Research use. AI-generated. Not for diagnosis."
# Names these commands give; only these are ever removed again.
GROUNDING_FILE = re.compile(r'"((?:ground|region)_\d{3,}\.nii\.gz|overview_\d{3,}\.png)"')


def prepare_folder(out: Path, listing_name: str, own_file: re.Pattern[str] = GROUNDING_FILE) -> None:
    """Make the folder and take away the answers of an earlier run: the files its own list names, and nothing else.

    own_file: what the names of such files look like within the list, in quotes; a list cannot have anything else removed.
    Raises InputError when the folder cannot be made or written.
    """
    listing = out / listing_name
    try:
        out.mkdir(parents=True, exist_ok=True)
        text = listing.read_text(encoding="utf-8") if listing.exists() else ""
        for name in set(own_file.findall(text)):
            (out / name).unlink(missing_ok=True)
        listing.unlink(missing_ok=True)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("The output folder cannot be made or written; name another one with --out.") from error


def case_record(engine: Engine, features: StudyFeatures, volume: Volume) -> dict[str, Any]:
    """What every list of answers begins with: the volume's geometry and identity, the model, the notice."""
    return {
        "volume": {
            "shape": list(volume.shape),
            "spacing_mm": [round(s, 6) for s in volume.spacing_mm],
            "affine_ras_mm": volume.affine.tolist(),
            "sha256": features.identity,
        },
        "model": {"name": engine.grounder.name, "weights_sha256": engine.grounder.weights_sha256},
        "notice": NOTICE,
    }


def write_listing(out: Path, name: str, document: dict[str, Any]) -> None:
    """Write a list of answers, the last file of a run."""
    write_bytes(out / name, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def grounding_record(grounding: Grounding) -> dict[str, Any]:
    """One sentence's entry in a list of answers, without the files."""
    sentence = grounding.sentence
    peak = grounding.peak_ras_mm
    return {
        "index": sentence.index,
        "text": sentence.text,
        "section": sentence.section,
        "assertion": sentence.assertion,
        "laterality": sentence.laterality,
        "localisable": sentence.localisable,
        "reason": grounding.reason,
        "confidence": None if grounding.confidence is None else round(grounding.confidence, 4),
        "peak_ras_mm": None if peak is None else [round(x, 2) for x in peak],
        "tokens": grounding.tokens,
        "threshold": None if grounding.threshold is None else round(grounding.threshold, 6),
        "side_check": grounding.side_check,
    }


def write_maps(grounding: Grounding, volume: Volume, out: Path) -> dict[str, str | None]:
    """Write heatmap, region and overview of a grounding; their names, or None for a sentence without a place."""
    region = grounding.region()
    if grounding.heatmap is None or region is None:
        return {"heatmap": None, "region": None, "overview": None}
    number = f"{grounding.sentence.index:03d}"
    names = {"heatmap": f"ground_{number}.nii.gz", "region": f"region_{number}.nii.gz", "overview": f"overview_{number}.png"}
    write_nifti(out / names["heatmap"], grounding.heatmap, grounding.affine)
    write_nifti(out / names["region"], region.astype(np.uint8), grounding.affine)
    overview_png(volume, grounding, out / names["overview"])
    return dict(names)
