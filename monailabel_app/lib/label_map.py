"""Regions of groundings as one label image on the voxels of the CT: what stock viewers lay over the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nrrd
import numpy as np
from numpy.typing import NDArray

from asap.errors import OutputError
from asap.grounding import Grounding
from asap.io.nifti import write_nifti
from asap.volume import Affine

Labels = NDArray[np.uint8]
MAX_LABELS = 255


def label_map(groundings: Sequence[Grounding], shape: tuple[int, int, int], affine: Affine) -> Labels:
    """Labels (i, j, k) on the CT's own voxels: n for the region of the n-th grounding, from 1; small regions lie on top.

    Each voxel takes the label of the cell its centre lies in. The cells' axes run along the volume's, as `Engine` makes them.
    """
    out = np.zeros(shape, dtype=np.uint8, order="F")
    regions = [(number, g, region) for number, g in enumerate(groundings[:MAX_LABELS], 1) if (region := g.region()) is not None]
    for number, grounding, region in sorted(regions, key=lambda entry: -int(entry[2].sum())):
        voxels = _on_voxels(region, np.linalg.inv(grounding.affine) @ affine, shape)
        out[voxels] = number
    return out


def _on_voxels(region: NDArray[np.bool_], to_cell: Affine, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Nearest-cell sampling, axis by axis. to_cell: voxel index -> cell index, a scaled permutation of the axes."""
    axes = [int(np.argmax(np.abs(to_cell[row, :3]))) for row in range(3)]
    picks, inside = [], []
    for row, axis in enumerate(axes):
        cell = np.rint(to_cell[row, axis] * np.arange(shape[axis]) + to_cell[row, 3]).astype(np.int64)
        picks.append(np.clip(cell, 0, region.shape[row] - 1))
        inside.append((cell >= 0) & (cell < region.shape[row]))
    sampled: NDArray[np.bool_] = (
        region[np.ix_(*picks)] & inside[0][:, None, None] & inside[1][None, :, None] & inside[2][None, None, :]
    )
    in_order: NDArray[np.bool_] = sampled.transpose(np.argsort(axes))
    return in_order


def write_labels(path: Path, labels: Labels, affine: Affine, *, compress: bool = True) -> None:
    """Write as NIfTI (.nii, .nii.gz) or NRRD (.nrrd, gzip unless told otherwise). Raises OutputError."""
    if path.suffix != ".nrrd":
        write_nifti(path, labels, affine, what="label image")
        return
    lps = np.diag([-1.0, -1.0, 1.0]) @ affine[:3]
    header = {
        "space": "left-posterior-superior",
        "space directions": lps[:, :3].T,
        "space origin": lps[:, 3],
        "kinds": ["domain", "domain", "domain"],
        "encoding": "gzip" if compress else "raw",
    }
    try:
        nrrd.write(str(path), labels, header, compression_level=1, index_order="F")
    except OSError as error:
        raise OutputError("The label image could not be written; is the disk full?") from error
