"""What the finding head is trained on: the trunk's cells inside the body of generated cases, with the findings each cell holds.

Two files a case, of the case and of its twin without findings; resumable. Axes: M body cells, C numbers, K findings.
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
from asap.inference.features import StudyFeatures
from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase
from asap.phantom.case_files import load_case
from asap.text.statements import WORDINGS
from asap.volume import Affine, Volume
from asap_training.data.cells import cell_fractions

CONCEPTS = tuple(WORDINGS)
HELD_FROM = 0.1  # share of a cell a finding fills from which on the cell holds it; less is neither yes nor no
TWIN = "twin"


@dataclass(frozen=True, eq=False)
class VolumeCells:
    """One volume. cells_MC: float16. right_M: on the patient's right. held_MK: 1 holds the finding, 0 does not, -1 unclear.

    name: of the case's folder. twin: whether it is the twin, which has no finding. stated_MK: float16, log-odds of the
    findings' statements. present_K2: whether the finding is there, on the left and on the right (equal for what has no side).
    """

    name: str
    twin: bool
    cells_MC: NDArray[np.float16]
    right_M: NDArray[np.bool_]
    held_MK: NDArray[np.int8]
    stated_MK: NDArray[np.float16]
    present_K2: NDArray[np.bool_]


def prepared(engine: Engine, cases: list[Path], out: Path) -> Iterator[VolumeCells]:
    """The cells of the cases and of their twins, encoded where `out` does not hold them yet for this trunk."""
    folder = out / engine.grounder.weights_sha256[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for path in cases:
        files = folder / f"{path.name}.npz", folder / f"{path.name}-{TWIN}.npz"
        if not all(file.is_file() for file in files):
            case = load_case(path)
            _save(files[0], _volume_cells(engine, case, case.volume, path.name, twin=False))
            _save(files[1], _volume_cells(engine, case, case.twin, path.name, twin=True))
        for file in files:
            if file.stat().st_size:
                yield _load(file, path.name, twin=file is files[1])


def _volume_cells(engine: Engine, case: PhantomCase, volume: Volume, name: str, *, twin: bool) -> VolumeCells | None:
    """Encode one volume and mark its cells; None when it is refused as not a chest."""
    try:
        features = engine.encode(volume)
    except NotChestError:
        return None
    maps = engine.findings.maps(features)
    body = np.flatnonzero(maps.seen)
    held_MK = np.zeros((len(body), len(CONCEPTS)), dtype=np.int8)
    present_K2 = np.zeros((len(CONCEPTS), 2), dtype=np.bool_)
    for finding in () if twin else case.findings:
        k = CONCEPTS.index(finding.concept)
        _mark(held_MK[:, k], finding, case.volume.affine, features, body)
        present_K2[k] |= _sides(finding)
    cells = features.windows[0].cells_NC[torch.from_numpy(body)]
    stated = engine.findings.rows().stated(engine.grounder, cells, CONCEPTS).to(torch.float16).numpy()
    right_M = maps.region("right").ravel()[body]
    return VolumeCells(name, twin, cells.to(torch.float16).numpy(), right_M, held_MK, stated, present_K2)


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


def _save(path: Path, volume: VolumeCells | None) -> None:
    if volume is None:
        path.touch()
        return
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            cells=volume.cells_MC,
            right=volume.right_M,
            held=volume.held_MK,
            stated=volume.stated_MK,
            present=volume.present_K2,
        )
    part.replace(path)


def _load(path: Path, name: str, *, twin: bool) -> VolumeCells:
    with np.load(path) as stored:
        return VolumeCells(name, twin, stored["cells"], stored["right"], stored["held"], stored["stated"], stored["present"])
