"""`asap classify`: how probable each of the 18 CT-RATE findings is in one chest CT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asap.commands.folder import case_record, prepare_folder, write_listing
from asap.drafts import FindingEstimate, FindingLabel
from asap.inference.course import Progress, no_progress
from asap.inference.engine import Engine
from asap.volume import Volume


def classify_to_folder(engine: Engine, volume: Volume, out: Path, *, progress: Progress = no_progress) -> dict[str, Any]:
    """Classify a case and write `labels.json`; returns its content. Raises InputError before anything is written."""
    features = engine.encode(volume, progress=progress)
    labels = engine.classify(features)
    prepare_folder(out, "labels.json")
    document = case_record(engine, features, volume) | {"labels": [label_record(label) for label in labels]}
    write_listing(out, "labels.json", document)
    return document


def label_record(label: FindingLabel) -> dict[str, Any]:
    """One label with the findings it was read from."""
    return {
        "name": label.name,
        "probability": rounded(label.probability),
        "verdict": label.verdict,
        "findings": [_estimate_record(estimate) for estimate in label.estimates],
    }


def rounded(probability: float | None) -> float | None:
    """A probability to four decimals."""
    return None if probability is None else round(probability, 4)


def _estimate_record(estimate: FindingEstimate) -> dict[str, Any]:
    return {
        "concept": estimate.concept,
        "side": estimate.side,
        "anatomy": estimate.anatomy,
        "probability": rounded(estimate.probability),
        "peak_ras_mm": [round(x, 2) for x in estimate.peak_ras_mm],
    }
