"""What the curves of the findings are fitted on: what a model's cells say of each finding, inside the body of generated cases.

One file a volume, resumable; twins, which have no finding, beside their cases. Axes: M body cells, K findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from asap.errors import NotChestError
from asap.inference.engine import Engine
from asap.inference.feature_store import settings_digest
from asap.phantom.canvas import PlacedFinding
from asap.phantom.case_files import load_case
from asap.text.statements import WORDINGS
from asap.volume import Volume

CONCEPTS = tuple(WORDINGS)


@dataclass(frozen=True, eq=False)
class VolumeCells:
    """One volume. stated_MK: float16, log-odds of the findings. right_M: on the patient's right.

    twin: whether it is a twin, which has no finding. present_K2: whether the finding is there, on the left and on the right
    (equal for what has no side).
    """

    twin: bool
    stated_MK: NDArray[np.float16]
    right_M: NDArray[np.bool_]
    present_K2: NDArray[np.bool_]


def prepared(engine: Engine, cases: list[Path], out: Path, twins: int) -> Iterator[VolumeCells]:
    """The cells of the cases and of the first few twins, encoded where `out` does not hold them yet for this model."""
    folder = out / settings_digest(engine.grounder)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(cases):
        for twin in (False, True)[: 2 if number < twins else 1]:
            file = folder / f"{path.name}{'-twin' if twin else ''}.npz"
            if not file.is_file():
                case = load_case(path)
                volume, findings = (case.twin, ()) if twin else (case.volume, case.findings)
                _save(file, _volume_cells(engine, volume, findings, twin=twin))
            if file.stat().st_size:
                yield _load(file, twin=twin)


def _volume_cells(engine: Engine, volume: Volume, findings: tuple[PlacedFinding, ...], *, twin: bool) -> VolumeCells | None:
    """Encode one volume; None when it is refused as not a chest."""
    try:
        features = engine.encode(volume)
    except NotChestError:
        return None
    maps = engine.findings.maps(features)
    body = np.flatnonzero(maps.seen)
    stated_NK = torch.stack([maps.log_odds(concept) for concept in CONCEPTS], dim=1)
    stated_MK = stated_NK[torch.from_numpy(body)].to(torch.float16).numpy()
    present_K2 = np.zeros((len(CONCEPTS), 2), dtype=np.bool_)
    for finding in findings:
        present_K2[CONCEPTS.index(finding.concept)] |= _sides(finding)
    return VolumeCells(twin, stated_MK, maps.region("right").ravel()[body], present_K2)


def _sides(finding: PlacedFinding) -> NDArray[np.bool_]:
    """(on the left, on the right); both for what has no side or where WORDINGS names none."""
    if WORDINGS[finding.concept].seat not in ("lung", "pleura") or finding.side in ("bilateral", None):
        return np.array([True, True])
    return np.array([finding.side == "left", finding.side == "right"])


def _save(path: Path, volume: VolumeCells | None) -> None:
    if volume is None:
        path.touch()
        return
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, stated=volume.stated_MK, right=volume.right_M, present=volume.present_K2)
    part.replace(path)


def _load(path: Path, *, twin: bool) -> VolumeCells:
    with np.load(path) as stored:
        return VolumeCells(twin, stored["stated"], stored["right"], stored["present"])
