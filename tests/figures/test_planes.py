import numpy as np
import pytest

from asap.figures.planes import AXIAL, CORONAL, OUTSIDE_HU, SAGITTAL, Box, Plane, body_box, sample_heatmap, sample_hu
from asap.volume import Volume, apply_affine
from tests.figures.groundings import token_grid
from tests.thorax import EIGHT_FLIPS, Lesion, stored_as, thorax, turned

VIEWS = (AXIAL, CORONAL, SAGITTAL)
BOX = Box((-170.0, -130.0, -120.0), (170.0, 130.0, 120.0))


def bright_ball(centre, spacing=(2.0, 2.0, 5.0)):
    """Air with one bright ball."""
    n = [int(300 / s) for s in spacing]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-(c - 1) / 2 * s for c, s in zip(n, spacing, strict=True)]
    points = apply_affine(affine, np.moveaxis(np.indices(n), 0, -1).astype(float))
    return Volume(np.where(np.linalg.norm(points - centre, axis=-1) < 14, 1000, -1000).astype(np.int16), affine)


def centroid(values, above):
    where = np.argwhere(values > above)
    return where.mean(axis=0), np.ptp(where, axis=0)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize("flips", EIGHT_FLIPS[::2])
def test_a_ball_is_drawn_round_at_its_pixel_however_it_is_stored(view, flips):
    centre = (60.0, -30.0, 40.0)
    volume = stored_as(bright_ball(centre), (1, 2, 0), flips)
    plane = Plane(view, BOX, centre[view.across], 1.0)
    found, extent = centroid(sample_hu(volume, plane), 0)
    assert found == pytest.approx(plane.pixel_of(centre), abs=1.0)
    assert extent[0] == pytest.approx(extent[1], abs=4)


def test_radiological_convention():
    middle = Plane(AXIAL, BOX, 0.0, 1.0).pixel_of((0.0, 0.0, 0.0))
    right_front = Plane(AXIAL, BOX, 0.0, 1.0).pixel_of((50.0, 50.0, 0.0))
    assert right_front[1] < middle[1] and right_front[0] < middle[0]
    above_right = Plane(CORONAL, BOX, 0.0, 1.0).pixel_of((50.0, 0.0, 50.0))
    assert above_right[1] < Plane(CORONAL, BOX, 0.0, 1.0).pixel_of((0.0, 0.0, 0.0))[1]
    assert above_right[0] < Plane(CORONAL, BOX, 0.0, 1.0).pixel_of((0.0, 0.0, 0.0))[0]
    sagittal = Plane(SAGITTAL, BOX, 0.0, 1.0)
    assert sagittal.pixel_of((0.0, 50.0, 0.0))[1] < sagittal.pixel_of((0.0, -50.0, 0.0))[1]


@pytest.mark.parametrize("flips", EIGHT_FLIPS[1::2])
def test_storage_leaves_no_trace_in_the_picture(flips):
    volume = thorax(lesions=(Lesion((80.0, 20.0, 40.0), 12.0),))
    plane = Plane(CORONAL, BOX, 20.0, 1.7)
    assert np.allclose(sample_hu(volume, plane), sample_hu(stored_as(volume, (2, 0, 1), flips), plane), atol=0.51)


def test_an_oblique_volume_is_drawn_in_the_world():
    volume = turned(bright_ball((60.0, 0.0, 0.0)), 25)
    angle = np.deg2rad(25)
    plane = Plane(AXIAL, BOX, 0.0, 1.0)
    found, _ = centroid(sample_hu(volume, plane), 0)
    assert found == pytest.approx(plane.pixel_of((60 * np.cos(angle), 60 * np.sin(angle), 0.0)), abs=1.0)


def test_nothing_is_drawn_outside_the_image():
    values = sample_hu(bright_ball((0.0, 0.0, 0.0)), Plane(AXIAL, Box((-400, -400, -400), (400, 400, 400)), 0.0, 2.0))
    assert (values[:100] == OUTSIDE_HU).all() and (values[:, :100] == OUTSIDE_HU).all()
    assert (values[150:250, 150:250] > -1001).all()


def test_heatmap_equals_its_tokens_at_their_centres_and_ends_half_a_token_outside():
    shape, affine = token_grid()
    heatmap = np.random.default_rng(0).uniform(0.2, 1, shape).astype(np.float32)
    cells = ((3, 4, 5), (0, 0, 5), (13, 13, 5))
    depth = apply_affine(affine, np.array([0.0, 0, 5]))[2]
    plane = Plane(AXIAL, Box((-240, -240, -240), (240, 240, 240)), float(depth), 1.0)
    drawn = sample_heatmap(heatmap, affine, plane)
    for cell in cells:
        row, column = plane.pixel_of(tuple(apply_affine(affine, np.array(cell, dtype=float))))
        around = drawn[int(row) : int(row) + 2, int(column) : int(column) + 2]
        assert around.mean() == pytest.approx(heatmap[cell], abs=0.02)
    half = 14 * 24 / 2
    inside = np.zeros(drawn.shape, dtype=bool)
    inside[int(240 - half) : int(240 + half), int(240 - half) : int(240 + half)] = True
    assert (drawn[~inside] == 0).all() and (drawn[inside] > 0).all()


def test_body_box_leaves_the_air_around_the_patient_out():
    volume = thorax()
    box = body_box(volume)
    assert box.size_mm(0) == pytest.approx(340 + 24, abs=12)
    assert box.size_mm(1) == pytest.approx(220 + 24, abs=14)
    everything = body_box(Volume(np.full((40, 40, 40), -1000, dtype=np.int16), np.diag([5.0, 5, 5, 1])))
    assert everything.size_mm(0) == pytest.approx(200, abs=1)


def test_a_box_grows_to_hold_a_point():
    grown = BOX.holding((200.0, 0.0, 0.0), 10.0)
    assert grown.high == (210.0, 130.0, 120.0) and grown.low == BOX.low


def test_a_tall_box_is_cut_about_a_height_and_stays_inside():
    tall = Box((-170.0, -130.0, -900.0), (170.0, 130.0, 900.0))
    for centre, bottom in ((0.0, -200.0), (-899.0, -900.0), (880.0, 500.0)):
        cut = tall.at_most_tall(400.0, centre)
        assert cut.size_mm(2) == 400.0 and cut.low[2] == bottom
        assert cut.low[2] <= centre <= cut.high[2]
    assert BOX.at_most_tall(400.0, 0.0) == BOX
