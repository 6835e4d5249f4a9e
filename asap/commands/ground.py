"""`asap ground`: one chest CT and sentences in, a folder of answers out that a person and a program can read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asap.errors import InputError
from asap.figures import overview_png, report_png
from asap.grounding import Grounding
from asap.inference.course import Progress, no_progress
from asap.inference.engine import Engine
from asap.io.atomic import write_bytes
from asap.io.nifti import write_nifti
from asap.report import Sentence
from asap.volume import Volume

# Names this command gives; only these are ever removed again.
_OWN_FILE = re.compile(r'"((?:ground|region)_\d{3,}\.nii\.gz|overview_\d{3,}\.png)"')


def ground_to_folder(
    engine: Engine,
    volume: Volume,
    sentences: Sequence[Sentence],
    out: Path,
    *,
    fine: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Ground the sentences and write heatmaps, regions, pictures and, last, `groundings.json`; returns its content.

    Raises InputError (not a chest, unusable volume) before anything is written.
    """
    features = engine.encode(volume, fine=fine, progress=progress)
    groundings = engine.ground(features, sentences)
    _prepare(out)
    rows = []
    for number, grounding in enumerate(groundings):
        progress("drawing", number / len(groundings))
        rows.append(grounding_record(grounding) | _write_maps(grounding, volume, out))
    report_png(volume, groundings, out / "report.png")
    document = {
        "volume": {
            "shape": list(volume.shape),
            "spacing_mm": [round(s, 6) for s in volume.spacing_mm],
            "affine_ras_mm": volume.affine.tolist(),
            "sha256": features.identity,
        },
        "model": {"name": engine.grounder.name, "weights_sha256": engine.grounder.weights_sha256},
        "notice": "Research use. AI-generated. Not for diagnosis.",
        "sentences": rows,
    }
    write_bytes(out / "groundings.json", (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
    progress("drawing", 1.0)
    return document


def _prepare(out: Path) -> None:
    """Make the folder and take away the answers of an earlier run: the files its own list names, and nothing else."""
    listing = out / "groundings.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        text = listing.read_text(encoding="utf-8") if listing.exists() else ""
        for name in set(_OWN_FILE.findall(text)):
            (out / name).unlink(missing_ok=True)
        listing.unlink(missing_ok=True)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("The output folder cannot be made or written; name another one with --out.") from error


def grounding_record(grounding: Grounding) -> dict[str, Any]:
    """One sentence's entry of `groundings.json`, without the files."""
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


def _write_maps(grounding: Grounding, volume: Volume, out: Path) -> dict[str, str | None]:
    region = grounding.region()
    if grounding.heatmap is None or region is None:
        return {"heatmap": None, "region": None, "overview": None}
    number = f"{grounding.sentence.index:03d}"
    names = {"heatmap": f"ground_{number}.nii.gz", "region": f"region_{number}.nii.gz", "overview": f"overview_{number}.png"}
    write_nifti(out / names["heatmap"], grounding.heatmap, grounding.affine)
    write_nifti(out / names["region"], region.astype(np.uint8), grounding.affine)
    overview_png(volume, grounding, out / names["overview"])
    return dict(names)
