"""Which reader a path belongs to, decided by content, not by its name."""

from __future__ import annotations

import zlib
from pathlib import Path

from asap.errors import InputError
from asap.io import dicom, nifti, nrrd
from asap.io.byte_stream import GZIP_MAGIC, open_regular
from asap.volume import Volume

_PREFIX_BYTES = 4096
_UNKNOWN = "The file is not a NIfTI (.nii, .nii.gz) or NRRD (.nrrd) image; for DICOM choose the folder that holds one series."
_NAMED = (
    (b"PK\x03\x04", "The file is a zip archive; unpack it first."),
    (b"\x89HDF", "The file is an HDF5 container, which is not read; convert it to NIfTI or NRRD."),
    (b"ObjectType", "MetaImage files (.mhd, .mha) are not read; convert the image to NIfTI or NRRD."),
    (b"NDims", "MetaImage files (.mhd, .mha) are not read; convert the image to NIfTI or NRRD."),
)


def parse(path: Path) -> Volume:
    """Read any supported image in this process. Raises InputError; `asap.io.read.read_volume` runs it in a child."""
    if _is_folder(path):
        return dicom.read_dicom_series(path)
    with open_regular(path) as file:
        prefix = file.read(_PREFIX_BYTES) or b""
    if prefix.startswith(GZIP_MAGIC):
        if not nifti.is_nifti(_inflated_start(prefix)):
            raise InputError("The compressed file holds no NIfTI image; only .nii.gz is read in gzip form.")
        return nifti.read_nifti(path)
    if prefix.startswith(nrrd.MAGIC):
        return nrrd.read_nrrd(path)
    if nifti.is_nifti(prefix):
        return nifti.read_nifti(path)
    if prefix[128:132] == b"DICM":
        return dicom.read_dicom_file(path)
    for magic, sentence in _NAMED:
        if prefix.startswith(magic):
            raise InputError(sentence)
    raise InputError(_UNKNOWN)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise InputError("The file does not exist or may not be read.") from error


def _inflated_start(prefix: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(prefix, 4)
    except zlib.error:
        return b""
