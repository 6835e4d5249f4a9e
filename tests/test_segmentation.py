"""Segments: tight boxes, measurements, layers that hide nothing, and the way between stored and RAS order."""

from __future__ import annotations

import numpy as np
import pytest

from asap.errors import InputError
from asap.io.cielab import to_cielab
from asap.segment_types import GROUPS, LABEL_COLOURS, LESIONS, ORGANS, label_type, lesion_type, organ_keys
from asap.segmentation import Segmentation, dice, longest_diameter_mm, make_segment
from asap.volume import Volume

AFFINE = np.diag([0.7, 0.7, 5.0, 1.0])


def volume() -> Volume:
    hu = np.full((30, 28, 12), -800, dtype=np.int16)
    hu[10:20, 10:14, 3:6] = 50
    return Volume(hu, AFFINE)


def test_a_segment_is_tight_and_measured() -> None:
    scan = volume()
    segment = make_segment(scan, np.asarray(scan.hu > 0), LESIONS["mass"], source="by hand")
    assert segment is not None
    assert (segment.name, segment.start_ijk, segment.mask.shape) == ("Mass", (10, 10, 3), (10, 4, 3))
    assert segment.measurements.volume_ml == pytest.approx(120 * 0.7 * 0.7 * 5 / 1000)
    assert segment.measurements.mean_hu == 50
    assert segment.measurements.longest_diameter_mm == pytest.approx(np.linalg.norm([9 * 0.7, 3 * 0.7, 2 * 5.0]))


def test_nothing_is_no_segment() -> None:
    assert make_segment(volume(), np.zeros((30, 28, 12), dtype=bool), LESIONS["mass"], source="") is None


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 9), (40, 30, 1), (13, 9, 11)], ids=str)
def test_the_longest_diameter_is_that_of_all_pairs(shape: tuple[int, int, int]) -> None:
    mask = np.random.default_rng(1).random(shape) < 0.5
    mask.flat[0] = True
    points = np.argwhere(mask) * [0.7, 0.7, 5.0]
    wanted = np.linalg.norm(points[:, None] - points[None], axis=-1).max()
    assert longest_diameter_mm(mask, AFFINE) == pytest.approx(wanted)


def test_overlapping_segments_are_kept_in_layers() -> None:
    scan = volume()
    masks = [np.zeros(scan.shape, dtype=bool) for _ in range(3)]
    masks[0][2:6, 2:6, 2:6] = masks[1][4:8, 4:8, 4:8] = masks[2][10:12, 10:12, 10:12] = True
    made = [make_segment(scan, mask, LESIONS["lesion"], source="", name=str(n)) for n, mask in enumerate(masks)]
    result = Segmentation(scan.shape, scan.affine, tuple(segment for segment in made if segment is not None))
    layers = result.layers()
    assert [[segment.name for segment in layer] for layer in layers] == [["0", "2"], ["1"]]
    assert np.array_equal(result.label_map(layers[0]) == 1, masks[0])
    assert np.array_equal(result.label_map(layers[0]) == 2, masks[2])
    assert np.array_equal(result.mask("1"), masks[1])


def test_a_name_belongs_to_one_segment() -> None:
    scan = volume()
    segment = make_segment(scan, np.asarray(scan.hu > 0), LESIONS["mass"], source="")
    assert segment is not None
    once = Segmentation(scan.shape, scan.affine, ()).with_segment(segment)
    assert once.with_segment(segment).segments == (segment,)
    with pytest.raises(InputError, match="one name"):
        Segmentation(scan.shape, scan.affine, (segment, segment))
    with pytest.raises(InputError, match="beyond"):
        Segmentation((12, 12, 12), scan.affine, (segment,))


def test_groups_are_resolved_once_and_unknown_targets_are_named() -> None:
    assert organ_keys(("lungs", "heart", "left_lung")) == ("right_lung", "left_lung", "heart")
    assert organ_keys(("vertebrae", "spine")) == ("spine",)
    assert all(key in ORGANS for members in GROUPS.values() for key in members)
    with pytest.raises(InputError, match="known are lungs"):
        organ_keys(("hart",))
    assert lesion_type(("cough", "nodule")).key == "nodule"
    assert lesion_type(()).key == "lesion"


def test_codes_and_colours_tell_the_types_apart() -> None:
    kinds = [*ORGANS.values(), *LESIONS.values()]
    codes = {(kind.type.scheme, kind.type.value, kind.modifier.value if kind.modifier else None) for kind in kinds}
    assert len(codes) == len({kind.colour for kind in kinds}) == len(kinds)
    assert all(kind.type.value and kind.category.value and kind.type.meaning for kind in kinds)


def test_dice_of_halves() -> None:
    ours, theirs = np.zeros((2, 4), dtype=bool), np.zeros((2, 4), dtype=bool)
    assert dice(ours, theirs) == 1.0
    ours[0], theirs[0, :2] = True, True
    assert dice(ours, theirs) == pytest.approx(2 * 2 / 6)


def test_labels_that_are_none_of_ours_can_be_told_apart_and_from_the_ct() -> None:
    kinds = [label_type(f"thing {number}", number) for number in range(1, len(LABEL_COLOURS) + 1)]
    lab = np.array([to_cielab(kind.colour) for kind in kinds]) * [100 / 65535, 255 / 65535, 255 / 65535] - [0, 128, 128]
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 999 * np.eye(len(lab))
    assert apart[:8, :8].min() > 35
    assert apart.min() > 15
    assert np.hypot(lab[:, 1], lab[:, 2]).min() > 40, "a grey voxel looks like none of them"
    assert label_type("thing", len(kinds) + 3) == label_type("thing", 3)
    assert label_type("Right lung", 7) == label_type("right_lung", 1) == ORGANS["right_lung"]
    assert label_type("mass", 2) == LESIONS["mass"]
