"""Submitted DICOM SEG and .seg.nrrd files as what is kept and learnt from: one label image on the CT's voxels, and its names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asap.errors import InputError
from asap.io.dicom_seg import read_segments
from asap.io.nifti import write_nifti
from asap.volume import Volume
from monailabel_app.lib.label_names import MAX_NAME_CHARS

SEGMENT_EXTENSIONS = (".seg.nrrd", ".dcm")


def write_submitted(segments: Path, image: Volume, out: Path) -> dict[str, int]:
    """Write `out` (.nii.gz) from a file of segments of `image`; name -> value.

    Segments of one name are one label; where two labels overlap the later one lies on top. Raises InputError for a file that
    cannot be read, one without a marked voxel, or one whose voxels are not the image's.
    """
    read = read_segments(segments, (image.shape, image.affine))
    labels = np.zeros(image.shape, dtype=np.uint8, order="F")
    names: dict[str, int] = {}
    for number, segment in enumerate(read.masks, start=1):
        name = segment.label.strip()[:MAX_NAME_CHARS] or segment.kind.label or f"segment {number}"
        labels[segment.mask] = names.setdefault(name, len(names) + 1)
    if not labels.any():
        raise InputError("The segmentation marks nothing in the image.")
    write_nifti(out, labels, image.affine, what="label image")
    return names
