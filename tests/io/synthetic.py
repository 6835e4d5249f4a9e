"""Small images written by independent libraries (nibabel, pynrrd, pydicom), so that a reader's error cannot cancel itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import nrrd
import numpy as np
from numpy.typing import NDArray

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
ORIENTATIONS = ("RAS", "LPS", "LAS", "RPI", "PIR", "ASL", "SRA", "ILP")


def example_hu(shape: tuple[int, int, int] = (9, 7, 5), seed: int = 0) -> NDArray[np.int16]:
    """Whole HU that fit every stored type used in the tests."""
    return np.random.default_rng(seed).integers(-1024, 3000, shape).astype(np.int16)


def ras_affine(spacing_mm: tuple[float, float, float] = (0.7, 0.8, 2.5), tilt_degrees: float = 0.0) -> NDArray[np.float64]:
    """An affine with axes right, anterior, superior (turned about two axes by `tilt_degrees`) and an uneven origin."""
    a = np.radians(tilt_degrees)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(a / 2), -np.sin(a / 2)], [0, np.sin(a / 2), np.cos(a / 2)]])
    out = np.eye(4)
    out[:3, :3] = about_z @ about_x @ np.diag(spacing_mm)
    out[:3, 3] = (-120.25, 33.5, -410.75)
    return out


def stored_as(hu: NDArray[Any], affine: NDArray[np.float64], codes: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The same image with its axes in another order and direction (nibabel's own reorientation)."""
    change = nib.orientations.ornt_transform(nib.orientations.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(codes)))
    moved = nib.orientations.apply_orientation(hu, change)
    return np.ascontiguousarray(moved), affine @ nib.orientations.inv_ornt_aff(change, hu.shape)


def write_nifti(path: Path, hu: NDArray[Any], affine: NDArray[np.float64], dtype: str = "i2", *, intercept: float = 0.0) -> None:
    """nibabel file; `intercept` is stored as scl_inter and subtracted from the numbers."""
    image = nib.Nifti1Image((hu - intercept).astype(dtype), affine)
    image.header.set_slope_inter(1.0, intercept)
    nib.save(image, path)


def write_nrrd(path: Path, hu: NDArray[Any], affine: NDArray[np.float64], dtype: str = "i2", encoding: str = "raw") -> None:
    """pynrrd file in left-posterior-superior space, as 3D Slicer writes."""
    lps = LPS @ affine
    header = {
        "space": "left-posterior-superior",
        "kinds": ["domain"] * 3,
        "space directions": lps[:3, :3].T,
        "space origin": lps[:3, 3],
        "encoding": encoding,
        "endian": "little",
    }
    nrrd.write(str(path), hu.astype(dtype), header, index_order="F")


def write_dicom(folder: Path, hu: NDArray[Any], affine: NDArray[np.float64], **changes: Any) -> list[Path]:
    """pydicom series, one file a slice along the last axis, names in an order that says nothing.

    changes: storage "signed", "unsigned", "12bit", "half" (slope 0.5), "8bit"; syntax "explicit", "implicit", "big", "rle",
    "j2k"; edit: a function (dataset, slice number) called before saving.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = np.random.default_rng(5).permutation(hu.shape[2])
    paths = []
    for k in range(hu.shape[2]):
        dataset = dicom_slice(hu, affine, k, changes.get("storage", "signed"))
        if "edit" in changes:
            changes["edit"](dataset, k)
        path = folder / f"IM{numbers[k]:04d}.dcm"
        save_dicom(dataset, path, changes.get("syntax", "explicit"))
        paths.append(path)
    return paths


def dicom_slice(hu: NDArray[Any], affine: NDArray[np.float64], k: int, storage: str = "signed") -> Any:
    """One CT Image data set for slice k."""
    from pydicom.dataset import Dataset
    from pydicom.uid import CTImageStorage

    lps = LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    directions = lps[:3, :3] / spacing
    slope, intercept, bits, signed = {
        "signed": (1, 0, 16, 1), "unsigned": (1, -1024, 16, 0), "12bit": (1, -1024, 12, 0), "half": (0.5, 0, 16, 1),
        "8bit": (16, -1024, 8, 0),
    }[storage]  # fmt: skip
    out = Dataset()
    out.SOPClassUID = CTImageStorage
    out.SOPInstanceUID = f"1.2.826.0.1.3680043.10.1.{k + 1}"
    out.Modality, out.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    out.PatientName, out.PatientID = "Doe^Jane", "4711"
    out.SeriesInstanceUID, out.StudyInstanceUID = "1.2.826.0.1.3680043.10.2", "1.2.826.0.1.3680043.10.3"
    out.FrameOfReferenceUID = "1.2.826.0.1.3680043.10.4"
    out.ImagePositionPatient = [decimal(v) for v in (lps @ [0, 0, k, 1])[:3]]
    out.ImageOrientationPatient = [decimal(v) for v in (*directions[:, 0], *directions[:, 1])]
    out.PixelSpacing = [decimal(spacing[1]), decimal(spacing[0])]
    out.SliceThickness = decimal(spacing[2])
    out.SamplesPerPixel, out.PhotometricInterpretation = 1, "MONOCHROME2"
    out.Columns, out.Rows = hu.shape[0], hu.shape[1]
    allocated = 8 if bits == 8 else 16
    out.BitsAllocated, out.BitsStored, out.HighBit, out.PixelRepresentation = allocated, bits, bits - 1, signed
    out.RescaleSlope, out.RescaleIntercept = slope, intercept
    stored = (hu[:, :, k].T - intercept) / slope
    out.PixelData = stored.astype(f"<{'i' if signed else 'u'}{allocated // 8}").tobytes()
    return out


def decimal(value: float) -> str:
    """A DICOM decimal string (at most 16 characters)."""
    return next(text for digits in range(14, 0, -1) if len(text := f"{float(value):.{digits}g}") <= 16)


def save_dicom(dataset: Any, path: Path, syntax: str = "explicit") -> None:
    """Save as a Part 10 file; works with pydicom 2.4 and 3."""
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import (
        ExplicitVRBigEndian,
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        JPEG2000Lossless,
        RLELossless,
    )

    new = int(pydicom.__version__.split(".")[0]) >= 3
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    uid = {"implicit": ImplicitVRLittleEndian, "big": ExplicitVRBigEndian}.get(syntax, ExplicitVRLittleEndian)
    dataset.file_meta.TransferSyntaxUID = uid
    if not new:
        dataset.is_little_endian, dataset.is_implicit_VR = syntax != "big", syntax == "implicit"
    if syntax == "big":
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    if syntax == "rle":
        dataset.compress(RLELossless)
    if syntax == "j2k":
        from openjpeg.utils import encode_array
        from pydicom.encaps import encapsulate

        stored = np.frombuffer(dataset.PixelData, "<i2" if dataset.PixelRepresentation else "<u2")
        image = stored.reshape(dataset.Rows, dataset.Columns)
        dataset.PixelData = encapsulate([encode_array(image, bits_stored=dataset.BitsStored, photometric_interpretation=2)])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    if new:
        dataset.save_as(path, enforce_file_format=True)
    else:
        dataset.save_as(path, write_like_original=False)
