"""Reading images for everybody else: one call, any supported format, parsed in a child process with limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asap.errors import InputError
from asap.io.sandbox import parse_in_child
from asap.pause import Pause, no_pause
from asap.volume import Affine, Volume


def read_volume(path: Path, pause: Pause = no_pause) -> Volume:
    """Read a NIfTI or NRRD file, or a folder with one CT DICOM series, as a Volume in HU.

    The format is told from the content. Raises InputError with one sentence for anything that cannot be used, LimitError when
    it is too large; warns with GeometryWarning where left and right rest on an assumption. Safe for files of others: parsing
    runs in a child process with limits on memory, time and file size.
    pause: called while the child reads; what it raises ends it.
    """
    volume = parse_in_child(Path(path), pause)
    if min(volume.shape) < 2:
        raise InputError("A single slice is not a volume; choose a whole series.")
    return volume


def read_labels(path: Path) -> tuple[NDArray[np.int16], Affine]:
    """Read a mask (NIfTI or NRRD): whole numbers (i, j, k) and the affine to RAS+ mm.

    Raises InputError when the file is not an image of whole numbers within int16.
    """
    volume = parse_in_child(Path(path))
    if volume.hu.dtype != np.int16:
        raise InputError("The mask holds values that are not whole numbers between -32768 and 32767.")
    return volume.hu.astype(np.int16, copy=False), volume.affine
