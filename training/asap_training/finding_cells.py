"""What the finding head is trained on: the trunk's cells inside the body of generated cases, with the findings each cell holds.

One file a case, resumable. Axes: M body cells, C numbers, K findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from asap.errors import NotChestError
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase
from asap.phantom.case_files import load_case
from asap.text.statements import WORDINGS
from asap.volume import Affine
from asap_training.data.cells import cell_fractions

CONCEPTS = tuple(WORDINGS)
HELD_FROM = 0.1  # share of a cell a finding fills from which on the cell holds it; less is neither yes nor no


@dataclass(frozen=True, eq=False)
class VolumeCells:
    """One volume. cells_MC: float16. right_M: on the patient's right. held_MK: 1 holds the finding, 0 does not, -1 unclear.

    stated_MK: float32, log-odds of the findings' statements; made from the cells when they are read.

    present_K2: whether the finding is there, on the left and on the right (equal for what has no side).
    """

    name: str
    cells_MC: NDArray[np.float16]
    right_M: NDArray[np.bool_]
    held_MK: NDArray[np.int8]
    present_K2: NDArray[np.bool_]
    stated_MK: torch.Tensor | None = None


def prepared(engine: Engine, cases: list[Path], out: Path) -> Iterator[VolumeCells]:
    """The cells of the cases, encoded where `out` does not hold them yet for this trunk."""
    folder = out / engine.grounder.weights_sha256[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for path in cases:
        file = folder / f"{path.name}.npz"
        if not file.is_file():
            _save(file, case_cells(engine, load_case(path), path.name))
        if file.stat().st_size:
            cells = _load(file)
            stated_MK = engine.findings.rows().stated(engine.grounder, torch.from_numpy(cells.cells_MC), CONCEPTS)
            yield replace(cells, stated_MK=stated_MK)


def case_cells(engine: Engine, case: PhantomCase, name: str) -> VolumeCells | None:
    """Encode one case and mark its cells; None when it is refused as not a chest."""
    try:
        features = engine.encode(case.volume)
    except NotChestError:
        return None
    maps = engine.findings.maps(features)
    body = np.flatnonzero(maps.seen)
    held_MK = np.zeros((len(body), len(CONCEPTS)), dtype=np.int8)
    present_K2 = np.zeros((len(CONCEPTS), 2), dtype=np.bool_)
    for finding in case.findings:
        k = CONCEPTS.index(finding.concept)
        _mark(held_MK[:, k], finding, case.volume.affine, features, body)
        present_K2[k] |= _sides(finding)
    cells = features.windows[0].cells_NC[torch.from_numpy(body)].to(torch.float16).numpy()
    return VolumeCells(name, cells, maps.region("right").ravel()[body], held_MK, present_K2)


def _mark(
    held_M: NDArray[np.int8], finding: PlacedFinding, affine: Affine, features: StudyFeatures, body: NDArray[np.intp]
) -> None:
    share_M = cell_fractions(finding.region, affine, features.windows[0].grid, features.tokens)[body]
    if share_M.max(initial=0.0) <= 0.0:
        return
    holds = share_M >= min(HELD_FROM, float(share_M.max()))
    held_M[(share_M > 0) & ~holds & (held_M == 0)] = -1
    held_M[holds] = 1


def _sides(finding: PlacedFinding) -> NDArray[np.bool_]:
    """(on the left, on the right); both for what has no side or where WORDINGS names none."""
    if WORDINGS[finding.concept].seat not in ("lung", "pleura") or finding.side in ("bilateral", None):
        return np.array([True, True])
    return np.array([finding.side == "left", finding.side == "right"])


def _save(path: Path, cells: VolumeCells | None) -> None:
    if cells is None:
        path.touch()
        return
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, cells=cells.cells_MC, right=cells.right_M, held=cells.held_MK, present=cells.present_K2)
    part.replace(path)


def _load(path: Path) -> VolumeCells:
    with np.load(path) as stored:
        return VolumeCells(path.stem, stored["cells"], stored["right"], stored["held"], stored["present"])
