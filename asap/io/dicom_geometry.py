"""From the planes of one CT series to a stacking order and an affine, or a sentence why they are no regular volume.

Source: DICOM PS3.3 C.7.6.2 (image plane): the position of pixel (row r, column c) is
position + c * column spacing * first direction + r * row spacing * second direction, in LPS mm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asap.errors import InputError
from asap.io.dicom_header import CtFrame
from asap.volume import Affine, checked_affine

# A slice may lie this far from its place on the regular grid between the first and the last: positions are often rounded to
# 0.1 mm, and 2 % of the spacing is below what the model's resampling keeps.
PLACE_TOLERANCE_MM = 0.1
PLACE_TOLERANCE_OF_SPACING = 0.02
SAME_DIRECTION = 1e-3
SAME_SPACING = 1e-3
# Sine of the largest angle between stacking direction and slice normal that is not a tilted gantry (0.57 degrees).
MAX_TILT = 1e-2
MISSING_GAP = 1.5


def stacked(frames: Sequence[CtFrame]) -> tuple[list[CtFrame], Affine]:
    """The frames in order along their normal and the affine (column, row, slice) -> RAS+ mm.

    Raises InputError naming the problem: fewer than two slices, differing planes, duplicate or missing slices, uneven spacing,
    tilted gantry.
    """
    if len(frames) < 2:
        raise InputError("A single slice is not a volume; choose a folder with the whole series.")
    directions = _common_plane(frames)
    normal = np.cross(directions[0], directions[1])
    along_mm = np.array([np.dot(f.position_mm, normal) for f in frames])
    order = np.argsort(along_mm, kind="stable")
    ordered = [frames[n] for n in order]
    positions_mm = np.array([f.position_mm for f in ordered], dtype=np.float64)
    _check_gaps(along_mm[order])
    step_mm = (positions_mm[-1] - positions_mm[0]) / (len(frames) - 1)
    _check_tilt(step_mm, normal)
    _check_places(positions_mm, step_mm)
    row_mm, column_mm = frames[0].spacing_mm
    affine = np.eye(4)
    affine[:3, 0] = directions[0] * column_mm
    affine[:3, 1] = directions[1] * row_mm
    affine[:3, 2] = step_mm
    affine[:3, 3] = positions_mm[0]
    affine[:2] *= -1  # LPS to RAS
    return ordered, checked_affine(affine + 0.0)  # + 0.0 turns -0.0 into 0.0


def _common_plane(frames: Sequence[CtFrame]) -> NDArray[np.float64]:
    """The two in-plane unit vectors all frames share, [2, 3] in LPS."""
    first = frames[0]
    if len({f.frame_of_reference for f in frames}) > 1:
        raise InputError("The slices belong to different frames of reference; choose one series.")
    if len({(f.pixels.rows, f.pixels.columns) for f in frames}) > 1:
        raise InputError("The slices differ in size; choose one series.")
    orientations = np.array([f.orientation for f in frames])
    if np.abs(orientations - orientations[0]).max() > SAME_DIRECTION:
        raise InputError("The slices differ in orientation; choose one series (without localizer).")
    spacings = np.array([f.spacing_mm for f in frames])
    if (spacings <= 0).any() or np.abs(spacings / spacings[0] - 1).max() > SAME_SPACING:
        raise InputError("The slices differ in pixel spacing or it is not positive; choose one series.")
    directions = np.reshape(first.orientation, (2, 3)).astype(np.float64)
    lengths = np.linalg.norm(directions, axis=1)
    if np.abs(lengths - 1).max() > 1e-2 or abs(float(directions[0] @ directions[1])) > 1e-2:
        raise InputError("The image orientation is not two perpendicular unit vectors.")
    return np.asarray(directions / lengths[:, None])


def _check_gaps(along_mm: NDArray[np.float64]) -> None:
    gaps_mm = np.diff(along_mm)
    middle_mm = float(np.median(gaps_mm))
    closest, widest = int(np.argmin(gaps_mm)), int(np.argmax(gaps_mm))
    if gaps_mm[closest] < 0.01 or middle_mm < 0.01:
        raise InputError("Two slices lie at the same position: the folder mixes phases or reconstructions, or holds copies.")
    if gaps_mm[widest] > MISSING_GAP * middle_mm:
        raise InputError(f"A slice is missing between slices {widest + 1} and {widest + 2} (counted along the stack).")


def _check_tilt(step_mm: NDArray[np.float64], normal: NDArray[np.float64]) -> None:
    sideways_mm = step_mm - np.dot(step_mm, normal) * normal
    if np.linalg.norm(sideways_mm) > MAX_TILT * np.linalg.norm(step_mm):
        raise InputError("The series was acquired with a tilted gantry; resample it to a rectangular grid first.")


def _check_places(positions_mm: NDArray[np.float64], step_mm: NDArray[np.float64]) -> None:
    expected_mm = positions_mm[0] + np.arange(len(positions_mm))[:, None] * step_mm
    off_mm = np.linalg.norm(positions_mm - expected_mm, axis=1)
    if off_mm.max() > max(PLACE_TOLERANCE_MM, PLACE_TOLERANCE_OF_SPACING * float(np.linalg.norm(step_mm))):
        uneven = int(np.argmax(np.linalg.norm(np.diff(positions_mm, axis=0) - step_mm, axis=1)))
        raise InputError(f"The slices are unevenly spaced, most between slices {uneven + 1} and {uneven + 2} along the stack.")
