import numpy as np
import pytest

from asap.chest import chest_check
from asap.io.read import read_volume
from asap.lungs import segment_lungs
from asap.volume import Volume
from tests.reference import reference_data
from tests.thorax import EIGHT_FLIPS, Lesion, stored_as, thorax

REAL_CHESTS = [
    "ct/cip_copd64/ct-64.nrrd",
    "ct/cip_copd64/ct-64-transformed.nrrd",
    "ct/lung2_tumour/lung2_image.nrrd",
    "ct/totalseg_cta/ct.nii.gz",
    "ct/totalseg_cta/aorta_crop/ct_cropped.nii.gz",
    "ct/totalseg_cta/pulmonary_crop/ct_cropped.nii.gz",
    "nc/ct/radiomics_phantom_pat1/image.nii.gz",
]
ABDOMENS = ["ct/totalseg_abdomen_control/example_ct.nii.gz", "ct/totalseg_abdomen_control/example_ct_sm.nii.gz"]


def volume_of(array, spacing=3.0):
    return Volume(np.clip(np.rint(array), -32768, 32767).astype(np.int16), np.diag([spacing, spacing, spacing, 1.0]))


def radius(n=80):
    return np.sqrt(((np.indices((n, n, n)) - n / 2) ** 2).sum(axis=0))


@pytest.mark.slow
@pytest.mark.parametrize("relative", REAL_CHESTS)
def test_real_chests_are_accepted(relative):
    check = chest_check(read_volume(reference_data(relative)))
    assert check.is_chest and check.reason is None
    assert check.aerated_ml > 500


@pytest.mark.slow
@pytest.mark.parametrize("number", range(16))
def test_generated_chests_with_lesions_are_accepted(number):
    assert chest_check(read_volume(reference_data(f"judge_cases/case_9100{number:02d}/ct.nii.gz"))).is_chest


@pytest.mark.parametrize("relative", ABDOMENS)
def test_abdomens_are_refused(relative):
    check = chest_check(read_volume(reference_data(relative)))
    assert not check.is_chest
    assert "no aerated lungs" in check.reason


def test_a_pelvis_is_refused():
    abdomen = read_volume(reference_data(ABDOMENS[0])).reoriented_to_ras()
    assert not chest_check(abdomen.cropped((0, 0, 0), (*abdomen.shape[:2], 60))).is_chest


@pytest.mark.parametrize("flips", EIGHT_FLIPS[::3])
def test_a_chest_is_a_chest_however_it_is_stored(flips):
    assert chest_check(stored_as(thorax(), (1, 2, 0), flips)).is_chest


@pytest.mark.parametrize("lungs", [("left",), ("right",)])
def test_one_white_lung_is_still_a_chest(lungs):
    assert chest_check(thorax(lungs=lungs)).is_chest


def test_a_huge_tumour_is_still_a_chest():
    check = chest_check(thorax(lesions=(Lesion((75.0, -20.0, -20.0), 60.0),)))
    assert check.is_chest
    assert check.aerated_ml < chest_check(thorax()).aerated_ml - 500


def test_known_masks_give_the_same_answer():
    volume = thorax()
    assert chest_check(volume, segment_lungs(volume)) == chest_check(volume)


def noise(n=80):
    return np.random.default_rng(1).normal(0, 500, (n, n, n))


NOT_CHESTS = {
    "air": (np.full((80, 80, 80), -1000.0), "empty"),
    "zeros": (np.zeros((80, 80, 80)), "empty"),
    "noisy air": (noise() / 25 - 1000, "empty"),
    "noise": (noise(), "noise"),
    "ball": (np.where(radius() < 34, 40, -1000), "no aerated lungs"),
    "hollow ball": (np.where(radius() < 34, 40, -1000) - 1040.0 * (radius() < 26), "look like lung"),
    "skull": (np.where(radius() < 34, 40, -1000) + 900.0 * ((radius() > 31) & (radius() < 34)), "no aerated lungs"),
    "MR": (np.where(radius() < 34, 300, 0) + np.abs(noise() / 25), "Hounsfield"),
    "mask": (1.0 * (radius() < 34), "Hounsfield"),
    "single slice": (np.where(radius() < 34, 40, -1000)[:, :, :1], "not a volume"),
    "thin slab": (np.where(radius() < 34, 40, -1000)[:, :, :10], "30 mm"),
}


@pytest.mark.parametrize("name", NOT_CHESTS)
def test_what_is_no_chest_is_refused_in_words(name):
    array, word = NOT_CHESTS[name]
    check = chest_check(volume_of(array))
    assert not check.is_chest
    assert word in check.reason and check.reason.endswith((".", "?)."))


def test_lung_shaped_air_without_bone_is_refused():
    volume = thorax()
    check = chest_check(Volume(np.minimum(volume.hu, 60), volume.affine))
    assert not check.is_chest and "no ribs and no spine" in check.reason


def test_lung_bases_above_an_abdomen_are_refused():
    chest, abdomen = thorax(trachea=False), thorax(lungs=(), trachea=False)
    lowest = int(np.nonzero((segment_lungs(chest).left).any(axis=(0, 1)))[0][0] * 4.5 / 4.0)
    hu = np.concatenate([abdomen.hu[:, :, :40], chest.hu[:, :, lowest : lowest + 15]], axis=2)
    check = chest_check(Volume(hu, chest.affine))
    assert not check.is_chest
    assert "bases" in check.reason
