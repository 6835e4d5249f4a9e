"""A folder with one CT DICOM series to a Volume. The order of files, their names and any reference in them play no part."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asap import limits
from asap.errors import InputError, LimitError
from asap.io.byte_stream import open_regular
from asap.io.dicom_elements import PREAMBLE_BYTES
from asap.io.dicom_geometry import stacked
from asap.io.dicom_header import CT_CLASSES, CtFrame, DicomFile, read_header
from asap.io.dicom_pixels import read_stored
from asap.io.voxels import HuBuffer, scaled
from asap.volume import Affine, Volume

AIR_HU = -1024
# A padding value is replaced by air only when it stands for no tissue; a wrong header must not turn water into air.
_NO_TISSUE_BELOW_HU, _NO_TISSUE_ABOVE_HU = -1000, 10000
_DICOMDIR = "1.2.840.10008.1.3.10"
# How exporters name slices; such a file that is no DICOM file is a damaged slice, not a stranger.
_SLICE_NAME = re.compile(r"(?i).*\.(dcm|dicom|ima)|(i|im|img|image|slice|ct)?[-_. ]?[0-9][0-9._-]*")
_ONE_SLICE = "A single slice is not a volume; choose the folder that holds the whole series."


def read_dicom_series(folder: Path) -> Volume:
    """Read the one CT series in `folder` (not its sub-folders) into a Volume in HU; localizers and reports are passed over.

    In-process: use `asap.io.read` for files of others. Raises InputError when the folder holds links, no CT, several series,
    or slices that do not form a regular volume; LimitError for size.
    """
    return _volume(_frames_of(folder))


def ordered_frames(series: Path) -> tuple[list[CtFrame], Affine]:
    """The frames of the one CT series in a folder (or of a multi-frame file) as `Volume` stacks them, and the affine to RAS+ mm.

    In-process, like `read_dicom_series`. Raises InputError.
    """
    return stacked(_frames_of(series) if series.is_dir() else _one_series([read_header(series)]))


def _frames_of(folder: Path) -> list[CtFrame]:
    return _one_series([read_header(path) for path in _dicom_paths(folder)])


def read_dicom_file(path: Path) -> Volume:
    """Read one multi-frame CT file. Raises InputError for a single slice, a DICOMDIR or another modality."""
    file = read_header(path)
    if file.sop_class == _DICOMDIR:
        raise InputError("A DICOMDIR only names other files; choose the folder that holds the slices.")
    if file.sop_class in CT_CLASSES and len(file.frames) <= 1:
        raise InputError(_ONE_SLICE)
    return _volume(_one_series([file]))


def _dicom_paths(folder: Path) -> list[Path]:
    """The DICOM files directly in `folder`, by name. Raises InputError for links, damaged slices or too many files."""
    found: list[Path] = []
    try:
        with os.scandir(folder) as entries:
            for seen, entry in enumerate(entries):
                if seen >= limits.MAX_DICOM_FILES:
                    raise LimitError(f"The folder holds more than {limits.MAX_DICOM_FILES} files.")
                if entry.is_symlink():
                    raise InputError("The folder contains links; copy the DICOM files themselves into it.")
                if entry.name.startswith("."):  # such as the resource forks macOS leaves beside each slice
                    continue
                if entry.is_file() and _is_dicom(Path(entry.path)):
                    found.append(Path(entry.path))
    except OSError as error:
        raise InputError("The folder may not be read.") from error
    if not found:
        raise InputError("There are no DICOM files directly in this folder; choose the one that holds the slices of a series.")
    return sorted(found)


def _is_dicom(path: Path) -> bool:
    with open_regular(path) as file:
        prefix = file.read(PREAMBLE_BYTES) or b""
    if prefix[128:] == b"DICM":
        return True
    if _SLICE_NAME.fullmatch(path.name):
        raise InputError("A file in the folder is named like a DICOM slice but is damaged.")
    return False


def _one_series(files: Sequence[DicomFile]) -> list[CtFrame]:
    """The frames of the only CT series. Raises InputError when there is none, more than one, or another kind of image."""
    frames = [frame for file in files for frame in file.frames]
    others = any(f.has_pixels and f.sop_class not in {*CT_CLASSES, _DICOMDIR} for f in files)
    if not frames:
        if any(f.is_localizer for f in files):
            raise InputError("The folder holds localizer images only; choose the folder of the CT series.")
        kind = "images of another modality than CT" if others else "no CT images"
        raise InputError(f"The folder holds {kind}.")
    if others:
        raise InputError("The folder mixes CT slices with other images; keep one CT series in it.")
    series = len({frame.series for frame in frames})
    if series > 1:
        raise InputError(f"The folder holds {series} CT series; keep one of them in it.")
    if len(frames) < 2:
        raise InputError(_ONE_SLICE)
    return frames


def _volume(frames: Sequence[CtFrame]) -> Volume:
    first = frames[0].pixels
    shape = (first.columns, first.rows, len(frames))
    limits.check_shape(shape, 4)
    ordered, affine = stacked(frames)
    size = first.rows * first.columns
    hu = HuBuffer(size * len(ordered))
    for number, frame in enumerate(ordered):
        if frame.slope == 0 or max(abs(frame.slope), abs(frame.intercept)) > 1e6:
            raise InputError("The rescale slope or intercept of the DICOM series is damaged.")
        stored = read_stored(frame)
        values = scaled(stored, frame.slope, frame.intercept)
        if frame.pixels.padding is not None:
            low, high = frame.pixels.padding
            is_padding = (stored >= low) & (stored <= high)
            no_tissue = (values < _NO_TISSUE_BELOW_HU) | (values > _NO_TISSUE_ABOVE_HU)
            values = np.where(is_padding & no_tissue, AIR_HU, values)
        hu.put(number * size, values.ravel())
    return Volume(hu.array.reshape(shape, order="F"), affine)
