"""`asap ground`: one chest CT and sentences in, a folder of answers out that a person and a program can read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asap.commands.folder import case_record, grounding_record, prepare_folder, write_listing, write_maps
from asap.figures import report_png
from asap.inference.course import Progress, no_progress
from asap.inference.engine import Engine
from asap.report import Sentence
from asap.volume import Volume


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
    prepare_folder(out, "groundings.json")
    rows = []
    for number, grounding in enumerate(groundings):
        progress("drawing", number / len(groundings))
        rows.append(grounding_record(grounding) | write_maps(grounding, volume, out))
    report_png(volume, groundings, out / "report.png")
    document = case_record(engine, features, volume) | {"sentences": rows}
    write_listing(out, "groundings.json", document)
    progress("drawing", 1.0)
    return document
