"""Organ classes of voxels, the target of anatomy injection (asap-method 1.5): label images, TotalSegmentator or `asap.lungs`.

TotalSegmentator (Wasserthal et al. 2023) is an external command in an environment of its own, never imported.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asap.errors import InputError
from asap.io.nifti_write import write_nifti
from asap.io.read import read_labels
from asap.lungs import segment_lungs
from asap.preprocess import GridMap
from asap.volume import Affine, Volume
from asap_training.data.case import RawCase
from asap_training.data.image import PreparedImage

Labels = NDArray[np.uint8]
MAX_ORGANS = 8  # one byte's worth beside the background, as the published head has
SKEW_VOXELS = 0.5  # a label grid may be turned against the image's by so much over its whole length

# The published classes are nine and not named; the paper's figure shows the lobes, heart, great vessel and airway or oesophagus.
# These eight are what chest reports place findings in, and what generated cases know too. Values: label numbers of
# TotalSegmentator 2 ("total").
ORGANS: Mapping[str, tuple[int, ...]] = {
    "right_upper_lobe": (12,),
    "right_middle_lobe": (13,),
    "right_lower_lobe": (14,),
    "left_upper_lobe": (10,),
    "left_lower_lobe": (11,),
    "heart": (51,),
    "aorta": (52,),
    "trachea": (16,),
}
# What the classical masks can tell apart. They know no lobes, and none is made up.
CLASSICAL: Mapping[str, tuple[int, ...]] = {"right_lung": (1,), "left_lung": (2,), "airway": (3,), "rest_of_body": (4,)}

Kind = Literal["none", "classical", "labels", "totalsegmentator"]


@dataclass(frozen=True)
class OrganSettings:
    """Where organ masks come from. classes: organ -> label numbers that mean it, in the order of the classes 1, 2, ...

    kind "labels": each case names a label image. "totalsegmentator": `command` is run on the resampled volume.
    """

    kind: Kind = "none"
    classes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: ORGANS)
    command: str = "TotalSegmentator"
    timeout_s: float = 3600.0


def read_classes(path: Path) -> dict[str, tuple[int, ...]]:
    """A class map of one's own: JSON {"organ": [label numbers]}, at most eight organs. Raises InputError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        classes = {str(organ): tuple(int(n) for n in numbers) for organ, numbers in data.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError('The class map is not a JSON object of the form {"organ": [label numbers]}.') from error
    named = [number for numbers in classes.values() for number in numbers]
    if not 1 <= len(classes) <= MAX_ORGANS or len(set(named)) != len(named) or min(named, default=0) < 1:
        raise InputError(f"A class map names one to {MAX_ORGANS} organs, each by label numbers above 0 that no other organ has.")
    return classes


def organ_labels(settings: OrganSettings, raw: RawCase, image: PreparedImage) -> Labels | None:
    """Class of each voxel of the prepared image (0 is the background), or None where masks were not asked for.

    Raises InputError where this case has no usable mask.
    """
    if settings.kind == "none":
        return None
    if settings.kind == "classical":
        return _classical(image)
    if settings.kind == "totalsegmentator":
        numbers, affine = totalsegmentator(image.volume, settings.command, settings.timeout_s)
    elif raw.mask is None:
        raise InputError("The case names no organ mask.")
    else:
        numbers, affine = read_labels(raw.mask)
    return as_classes(on_grid(numbers, affine, image.grid, image.hu_HWD.shape), settings.classes)


def as_classes(numbers: NDArray[np.int16], classes: Mapping[str, tuple[int, ...]]) -> Labels:
    """Label numbers -> classes 1, 2, ... in the map's order; numbers of no class are background."""
    table = np.zeros(1 << 16, dtype=np.uint8)
    for place, wanted in enumerate(classes.values(), start=1):
        table[list(wanted)] = place
    return table[numbers.view(np.uint16)]


def on_grid(numbers: NDArray[np.int16], affine: Affine, grid: GridMap, shape: tuple[int, ...]) -> NDArray[np.int16]:
    """The label nearest to each voxel centre of the grid; 0 outside the label image.

    Raises InputError where the label image's axes do not run along the grid's.
    """
    labels = Volume(numbers, affine).reoriented_to_ras()
    step = np.linalg.inv(labels.affine) @ grid.voxel_affine
    skew = np.abs(step[:3, :3] - np.diag(np.diag(step[:3, :3]))) @ np.asarray(shape, dtype=np.float64)
    if (skew > SKEW_VOXELS).any():
        raise InputError("The organ mask's axes do not run along the image's; resample the mask onto the image first.")
    index, inside = [], []
    for axis, count in enumerate(shape):
        # The grid's centre along the other axes stands for all of them, which the limit on the skew allows.
        middle = step[axis, :3] @ ((np.asarray(shape) - 1) / 2) + step[axis, 3]
        place = np.rint(middle + step[axis, axis] * (np.arange(count) - (count - 1) / 2)).astype(np.int64)
        inside.append((place >= 0) & (place < labels.shape[axis]))
        index.append(place.clip(0, labels.shape[axis] - 1))
    out = labels.hu[np.ix_(*index)].astype(np.int16)
    out[~inside[0]] = 0
    out[:, ~inside[1]] = 0
    out[:, :, ~inside[2]] = 0
    return out


def totalsegmentator(volume: Volume, command: str, timeout_s: float) -> tuple[NDArray[np.int16], Affine]:
    """Run the command on a volume and read its multi-label answer. Raises InputError when it fails.

    The command gets the resampled volume, in HU and without a name: what it would resample to itself is not finer in plane.
    """
    with tempfile.TemporaryDirectory(prefix="asap-organs-") as folder:
        ct, answer = Path(folder, "ct.nii.gz"), Path(folder, "organs.nii.gz")
        write_nifti(ct, volume.hu, volume.affine)
        try:
            subprocess.run(
                [*shlex.split(command), "-i", str(ct), "-o", str(answer), "--ml"],
                check=True, timeout=timeout_s, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise InputError("The segmentation command ended with an error on this case.") from error
        return read_labels(answer)


def _classical(image: PreparedImage) -> Labels:
    """Right lung, left lung, airway and the rest of the body, from the rules of `asap.lungs`."""
    lungs = segment_lungs(image.volume)
    numbers = np.where(lungs.body, np.int16(4), np.int16(0))
    for number, mask in ((1, lungs.right), (2, lungs.left), (3, lungs.airway)):
        numbers[mask] = number
    return as_classes(on_grid(numbers, lungs.affine, image.grid, image.hu_HWD.shape), CLASSICAL)
