import numpy as np
import pytest

from asap.io.read import read_labels, read_volume
from asap.lungs import coarse_hu, segment_lungs
from asap.volume import Volume, apply_affine
from tests.reference import reference_data
from tests.thorax import EIGHT_FLIPS, LUNG_CENTRES, Lesion, stored_as, thorax, turned

RIGHT, LEFT = LUNG_CENTRES["right"], LUNG_CENTRES["left"]


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def truth(masks, side):
    """The generated lung on the masks' own grid."""
    points = apply_affine(masks.affine, np.moveaxis(np.indices(masks.left.shape), 0, -1).astype(float))
    return (((points - LUNG_CENTRES[side]) / (52.0, 75.0, 105.0)) ** 2).sum(axis=-1) < 1


@pytest.mark.parametrize("touching", [False, True])
def test_lungs_are_found_and_parted(touching):
    masks = segment_lungs(thorax(touching=touching))
    for side in ("left", "right"):
        assert dice(masks.mask(side), truth(masks, side)) > 0.95
        assert masks.volume_ml(side) == pytest.approx(4 / 3 * np.pi * 5.2 * 7.5 * 10.5, rel=0.08)
    assert not (masks.left & masks.right).any()


@pytest.mark.parametrize("flips", EIGHT_FLIPS)
def test_sides_do_not_depend_on_storage(flips):
    volume = thorax(spacing_mm=(4.0, 4.0, 6.0))
    order = (2, 0, 1) if flips[0] else (0, 1, 2)
    masks = segment_lungs(stored_as(volume, order, flips))
    assert masks.side_of(RIGHT) == "right"
    assert masks.side_of(LEFT) == "left"
    low, high = masks.bounding_box_ras("right")
    assert low[0] > 10 and high[0] < 135
    assert np.abs(masks.thorax_centre_ras_mm).max() < 8


def test_an_oblique_volume_gives_the_same_masks():
    volume = thorax()
    straight, oblique = segment_lungs(volume), segment_lungs(turned(volume, 20))
    for name in ("left", "right", "airway", "body"):
        assert np.array_equal(getattr(straight, name), getattr(oblique, name))
    angle = np.deg2rad(20)
    assert oblique.side_of((75 * np.cos(angle), 75 * np.sin(angle), 0)) == "right"


@pytest.mark.parametrize("prone", [False, True])
def test_foam_of_the_table_is_not_lung(prone):
    volume = thorax(prone=prone)
    narrow = volume.cropped((12, 0, 0), (volume.shape[0] - 12, *volume.shape[1:]))
    masks = segment_lungs(narrow)
    points = apply_affine(masks.affine, np.argwhere(masks.left | masks.right).astype(float))
    assert np.abs(points[:, 1]).max() < 90
    assert masks.volume_ml("left") == pytest.approx(4 / 3 * np.pi * 5.2 * 7.5 * 10.5, rel=0.08)


@pytest.mark.parametrize("noise_hu", [60, 120])
def test_low_dose_noise_does_not_lose_the_lungs(noise_hu):
    volume = thorax()
    noisy = volume.hu + np.random.default_rng(3).normal(0, noise_hu, volume.shape)
    masks = segment_lungs(Volume(noisy.astype(np.float32), volume.affine))
    for side in ("left", "right"):
        assert dice(masks.mask(side), truth(masks, side)) > 0.95


@pytest.mark.parametrize("padding_hu", [-1024, -2000, -3024])
def test_padding_outside_the_field_of_view_changes_nothing(padding_hu):
    volume = thorax()
    points = volume.world_from_voxel(np.moveaxis(np.indices(volume.shape), 0, -1).astype(float))
    hu = np.where(np.hypot(points[..., 0], points[..., 1]) > 175, padding_hu, volume.hu).astype(np.int16)
    masks = segment_lungs(Volume(hu, volume.affine))
    for side in ("left", "right"):
        assert dice(masks.mask(side), truth(masks, side)) > 0.95


def test_trachea_is_not_lung():
    masks = segment_lungs(thorax())
    where = apply_affine(masks.affine, np.argwhere(masks.airway).astype(float))
    assert len(where) > 50
    assert np.hypot(where[:, 0], where[:, 1] + 25).max() < 16
    assert not (masks.airway & (masks.left | masks.right)).any()


def test_no_airway_where_there_is_none():
    assert not segment_lungs(thorax(trachea=False)).airway.any()


def test_a_nodule_and_a_tumour_inside_the_lung_are_closed():
    lesions = (Lesion((80.0, 10.0, 30.0), 7.0), Lesion((-75.0, 0.0, -20.0), 22.0))
    masks = segment_lungs(thorax(lesions=lesions))
    for lesion, mask in zip(lesions, (masks.right, masks.left), strict=True):
        index = np.rint(apply_affine(np.linalg.inv(masks.affine), np.array(lesion.centre_ras_mm))).astype(int)
        assert mask[tuple(index)]


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_lung_alone_keeps_its_side(side):
    masks = segment_lungs(thorax(lungs=(side,)))
    other = "right" if side == "left" else "left"
    assert masks.volume_ml(side) > 1000 and masks.volume_ml(other) == 0
    assert masks.bounding_box_ras(other) is None
    assert masks.side_of(LUNG_CENTRES[other]) == other
    assert abs(masks.thorax_centre_ras_mm[0]) < 10


@pytest.mark.parametrize("truncated", [False, True])
def test_arms_beside_the_chest_are_not_the_spine(truncated):
    chest = thorax()
    affine = chest.affine.copy()
    affine[0, 3] -= 20 * 4.0
    hu = np.pad(chest.hu, ((20, 20), (0, 0), (0, 0)), constant_values=-1000)
    r, a, _ = np.moveaxis(apply_affine(affine, np.moveaxis(np.indices(hu.shape), 0, -1).astype(float)), -1, 0)
    from_arm = np.hypot(np.abs(r) - 205, a + 15)
    hu[from_arm < 40] = 40
    hu[from_arm < 14] = 1200
    if truncated:
        hu, affine = hu[8:-8], affine + np.pad([[32.0]], ((0, 3), (3, 0)))
    masks = segment_lungs(Volume(hu, affine))
    for side in ("left", "right"):
        assert dice(masks.mask(side), truth(masks, side)) > 0.95
    assert abs(apply_affine(masks.affine, np.array([masks.midline, 0.0, 0.0]))[0]) < 8


def test_points_without_a_clear_side_have_none():
    masks = segment_lungs(thorax())
    assert masks.side_of((0.0, 0.0, 0.0)) is None
    assert masks.side_of((0.0, -85.0, 0.0)) is None
    assert masks.side_of((140.0, 0.0, 0.0)) == "right"
    assert masks.side_of(np.array([-160.0, 0.0, -120.0])) == "left"


def test_lung_cut_by_the_edge_of_a_crop_is_kept():
    volume = thorax()
    half = volume.cropped((volume.shape[0] // 2 - 4, 0, 0), (volume.shape[0] - 20, *volume.shape[1:]))
    masks = segment_lungs(half)
    assert masks.volume_ml("right") > 1000
    assert masks.volume_ml("left") < 60


@pytest.mark.parametrize("value", [-1000, 0, 40])
def test_an_empty_image_has_no_lungs(value):
    masks = segment_lungs(Volume(np.full((40, 40, 40), value, dtype=np.int16), np.diag([4.0, 4, 4, 1])))
    assert not (masks.left | masks.right | masks.airway).any()
    assert np.isfinite(masks.thorax_centre_ras_mm).all()
    assert masks.side_of((75.0, 75.0, 75.0)) is None


@pytest.mark.parametrize("spacing", [(0.7, 0.7, 1.0), (3.0, 3.0, 3.0), (1.5, 1.5, 8.0)])
def test_coarse_grid_keeps_every_cell_in_place(spacing):
    n = [int(90 / s) for s in spacing]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (5, -7, 11)
    ramp = apply_affine(affine, np.moveaxis(np.indices(n), 0, -1).astype(float)) @ (3.0, -2.0, 1.5)
    hu, coarse_affine = coarse_hu(Volume(ramp.astype(np.float32), affine))
    expected = apply_affine(coarse_affine, np.moveaxis(np.indices(hu.shape), 0, -1).astype(float)) @ (3.0, -2.0, 1.5)
    assert np.abs(hu - expected).max() < 3.0


def cip(name):
    return reference_data(f"ct/cip_copd64/{name}.nrrd")


def ras(array, affine):
    return Volume(array.astype(np.int16), affine).reoriented_to_ras().hu


def test_copd_lungs_agree_with_the_reference_masks():
    masks = segment_lungs(read_volume(cip("ct-64")))
    region = ras(*read_labels(cip("lm-64"))) % 256
    assert dice(masks.left | masks.right, ras(*read_labels(cip("wholeLung-64"))) > 0) > 0.97
    assert dice(masks.left, (region >= 9) & (region <= 11)) > 0.97
    assert dice(masks.right, (region >= 12) & (region <= 14)) > 0.97


def test_copd_airway_agrees_with_the_reference_airway():
    airway = ras(*read_labels(cip("lm-64"))) // 256 == 2
    assert dice(segment_lungs(read_volume(cip("ct-64"))).airway, airway) > 0.7


@pytest.mark.slow
def test_copd_oblique_copy_has_identical_masks():
    straight, oblique = (segment_lungs(read_volume(cip(name))) for name in ("ct-64", "ct-64-transformed"))
    for name in ("left", "right", "airway", "body"):
        assert np.array_equal(getattr(straight, name), getattr(oblique, name))


@pytest.mark.slow
def test_tumour_of_the_left_lower_lobe_is_on_the_left():
    masks = segment_lungs(read_volume(reference_data("ct/lung2_tumour/lung2_image.nrrd")))
    label, affine = read_labels(reference_data("ct/lung2_tumour/lung2_label.nrrd"))
    points = apply_affine(affine, np.argwhere(label > 0).astype(float))
    assert {masks.side_of(point) for point in points[::500]} == {"left"}
    assert masks.volume_ml("right") > masks.volume_ml("left") > 1000


@pytest.mark.slow
def test_heart_is_not_lung():
    masks = segment_lungs(read_volume(reference_data("ct/totalseg_cta/ct.nii.gz")))
    heart, affine = read_labels(reference_data("ct/totalseg_cta/heart.nii.gz"))
    points = apply_affine(affine, np.argwhere(heart > 0).astype(float))
    index = np.rint(apply_affine(np.linalg.inv(masks.affine), points)).astype(int)
    assert (masks.left | masks.right)[tuple(index.T)].mean() < 0.05
    assert masks.side_of(points.mean(axis=0)) in {None, "left"}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(16))
def test_generated_lesions_lie_in_the_lung_of_their_side(number):
    volume = read_volume(reference_data(f"judge_cases/case_9100{number:02d}/ct.nii.gz"))
    masks = segment_lungs(volume)
    low, high = masks.bounding_box_ras("right"), masks.bounding_box_ras("left")
    assert low is not None and high is not None
    assert low[0][0] > high[0][0] and low[1][0] > high[1][0]
    assert 0.3 < masks.volume_ml("left") / masks.volume_ml("right") < 3.0


@pytest.mark.slow
def test_dicom_series_with_thick_slices():
    masks = segment_lungs(read_volume(reference_data("ct/lung_dx_A0002_dicom")))
    assert masks.volume_ml("left") > masks.volume_ml("right") > 900
    assert masks.airway.any()


@pytest.mark.slow
def test_crop_of_the_right_half_has_its_tumour_on_the_right():
    masks = segment_lungs(read_volume(reference_data("nc/ct/radiomics_phantom_pat1/image.nii.gz")))
    label, affine = read_labels(reference_data("nc/ct/radiomics_phantom_pat1/gtv_mask.nii.gz"))
    centre = apply_affine(affine, np.argwhere(label > 0).astype(float)).mean(axis=0)
    assert masks.side_of(centre) == "right"
    assert masks.volume_ml("left") == 0 and masks.volume_ml("right") > 800
