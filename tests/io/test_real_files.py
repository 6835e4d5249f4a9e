"""The real CT files read as their table says, and voxel for voxel as SimpleITK reads them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from asap.errors import InputError
from asap.io.read import read_labels, read_volume
from asap.volume import Volume
from tests.reference import reference_data

sitk = pytest.importorskip("SimpleITK")

FILES = (
    "cip_copd64/ct-64-transformed.nrrd", "cip_copd64/ct-64.nrrd", "cip_copd64/lm-64-transformed.nrrd", "cip_copd64/lm-64.nrrd",
    "cip_copd64/wholeLung-64.nrrd", "lung2_tumour/lung2_image.nrrd", "lung2_tumour/lung2_label.nrrd", "lung_dx_A0002_dicom",
    "lung_lobe_template/lung_template_lobe.nii.gz", "lung_lobe_template/lung_template_mask.nii.gz",
    "totalseg_abdomen_control/example_ct.nii.gz", "totalseg_abdomen_control/example_ct_sm.nii.gz",
    "totalseg_abdomen_control/example_seg.nii.gz", "totalseg_abdomen_control/vertebrae_totalseg.nii.gz",
    "totalseg_cta/aorta_crop/T716_aorta_true_false_lumen.nii.gz", "totalseg_cta/aorta_crop/annulus_proper.nii.gz",
    "totalseg_cta/aorta_crop/aorta.nii.gz", "totalseg_cta/aorta_crop/aorta_false_lumen.nii.gz",
    "totalseg_cta/aorta_crop/aorta_true_lumen.nii.gz", "totalseg_cta/aorta_crop/brachiocephalic_trunk.nii.gz",
    "totalseg_cta/aorta_crop/celiac_trunk.nii.gz", "totalseg_cta/aorta_crop/common_carotid_artery_left.nii.gz",
    "totalseg_cta/aorta_crop/ct_cropped.nii.gz", "totalseg_cta/aorta_crop/iliac_artery_left.nii.gz",
    "totalseg_cta/aorta_crop/organ_aorta_T264.nii.gz", "totalseg_cta/aorta_crop/sinotubular_junction.nii.gz",
    "totalseg_cta/aorta_crop/subclavian_artery_left.nii.gz", "totalseg_cta/aorta_crop/superior_mesenteric_artery.nii.gz",
    "totalseg_cta/aorta_crop/vertebrae_T12.nii.gz", "totalseg_cta/ct.nii.gz", "totalseg_cta/heart.nii.gz",
    "totalseg_cta/pulmonary_crop/ct_cropped.nii.gz", "totalseg_cta/pulmonary_crop/pul_annulus.nii.gz",
    "totalseg_cta/pulmonary_crop/pul_bifurcation.nii.gz", "totalseg_cta/pulmonary_crop/pul_left_start.nii.gz",
    "totalseg_cta/pulmonary_crop/pul_right_start.nii.gz", "totalseg_cta/pulmonary_crop/pulmonary_artery.nii.gz",
)  # fmt: skip
_OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))


def table_row(name: str) -> list[str]:
    """The cells of a file's row in the data's own table: name, size, spacing, axes, type, range, MB."""
    for line in reference_data("README.md").read_text().splitlines():
        if re.match(rf"\| `ct/{re.escape(name)}[`/]", line):
            return [cell.strip() for cell in line.strip("|").split("|")]
    raise AssertionError(f"no row for {name}")


def axis_letters(volume: Volume) -> str:
    """The patient direction each voxel axis runs to, in the DICOM letters of the table (+x left, +y posterior)."""
    directions = volume.affine[:3, :3] / np.array(volume.spacing_mm)
    letters = ["RAS"[int(np.argmax(np.abs(d)))] if d[np.argmax(np.abs(d))] > 0 else "LPI"[int(np.argmax(np.abs(d)))]
               for d in directions.T]  # fmt: skip
    return "".join(letters)


@pytest.mark.parametrize("name", FILES)
def test_a_real_file(name: str) -> None:
    path = reference_data(f"ct/{name}")
    volume = read_volume(path)
    _, size, spacing, axes, _, value_range, _ = table_row(name)
    assert "x".join(map(str, volume.shape)) == size
    np.testing.assert_allclose(volume.spacing_mm, [float(s) for s in spacing.split("x")], rtol=6e-3)
    if "OBLIQUE" not in axes:
        assert axis_letters(volume) == axes.split(",")[0]
    low, high = value_range.split("..")
    assert (int(volume.hu.min()), int(volume.hu.max())) == (int(low), int(high))
    assert_as_simpleitk(volume, path)


def assert_as_simpleitk(volume: Volume, path: Path) -> None:
    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    assert np.array_equal(sitk.GetArrayViewFromImage(image).transpose(2, 1, 0), volume.hu)
    for corner in ((0, 0, 0), tuple(n - 1 for n in volume.shape), (volume.shape[0] - 1, 0, 0), (0, volume.shape[1] - 1, 0)):
        theirs = np.array(image.TransformIndexToPhysicalPoint(corner)) * (-1, -1, 1)
        np.testing.assert_allclose(volume.world_from_voxel(np.array(corner, dtype=float)), theirs, atol=2e-3)


def test_every_single_slice_folder_is_refused() -> None:
    root = reference_data("ct/covid_ny_sbu_slices")
    folders = [folder for folder in sorted(root.glob("*/*")) if folder.is_dir()]
    assert len(folders) == 6
    for folder in (*folders, root):
        with pytest.raises(InputError, match=r"series|single slice"):
            read_volume(folder)
    for path in root.glob("*/*/*.dcm"):
        with pytest.raises(InputError, match="single slice"):
            read_volume(path)


def test_a_series_with_a_structure_set_reads_as_its_slices() -> None:
    volume = read_volume(reference_data("nc/ct/radiomics_phantom_pat2_dicom"))
    assert volume.shape[2] == 41


def test_masks_read_as_whole_numbers() -> None:
    labels, affine = read_labels(reference_data("ct/lung2_tumour/lung2_label.nrrd"))
    assert int((labels == 1).sum()) == 24_644
    np.testing.assert_allclose(affine, read_volume(reference_data("ct/lung2_tumour/lung2_image.nrrd")).affine, atol=1e-4)


def test_right_and_left_lobes_lie_on_their_sides() -> None:
    """Real anatomy: labels 1, 2 are left lobes and 3, 4, 5 right ones; the patient's right has larger world x (RAS+)."""
    labels, affine = read_labels(reference_data("ct/lung_lobe_template/lung_template_lobe.nii.gz"))
    x_mm = [(affine @ [*np.argwhere(labels == lobe).mean(axis=0), 1])[0] for lobe in range(1, 6)]
    assert max(x_mm[:2]) < min(x_mm[2:])


def test_other_things_in_the_data_are_refused() -> None:
    for name in ("README.md", "ct/msd_lung_patches/val_patches.h5", "ct/totalseg_cta"):
        with pytest.raises(InputError):
            read_volume(reference_data(name))
