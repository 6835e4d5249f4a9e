import numpy as np
import pytest

from asap.airway import trace_airway

SPACING = (4.5, 4.5, 4.5)
SPINE = (30.0, 10.0)


def tissue():
    return np.full((60, 50, 50), 40, dtype=np.float32)


def carve(hu, centre_i, centre_j, slices, *, radius=2.2, value=-1000.0):
    i, j = np.indices(hu.shape[:2])
    disc = np.hypot(i - centre_i, j - centre_j) < radius
    for k in slices:
        hu[disc, k] = value
    return hu


def traced(hu, spine=SPINE):
    return trace_airway(hu, hu < -400, SPACING, spine)


def test_a_tube_in_front_of_the_spine_is_traced_whole():
    hu = carve(tissue(), 30, 28, range(15, 50))
    assert np.array_equal(traced(hu), hu < -500)


def test_both_branches_are_followed_below_the_carina():
    hu = carve(tissue(), 30, 28, range(25, 50))
    for step in range(8):
        for side in (-1, 1):
            carve(hu, 30 + side * (2 + step), 28, [24 - step], radius=1.9)
    airway = traced(hu)
    assert airway[30 - 8, 28, 18] and airway[30 + 8, 28, 18]


def test_it_stops_where_the_tube_opens_into_the_lung():
    hu = carve(tissue(), 30, 28, range(20, 50))
    carve(hu, 30, 28, range(5, 20), radius=12.0, value=-850.0)
    airway = traced(hu)
    assert airway[:, :, 22:].any() and not airway[:, :, :18].any()


@pytest.mark.parametrize(
    ("centre_i", "centre_j", "slices", "radius"),
    [(52, 28, range(15, 50), 2.2), (30, 6, range(15, 50), 2.2), (30, 28, range(40, 44), 2.2), (30, 28, range(15, 50), 9.0)],
    ids=["far from the midline", "behind the spine", "too short", "too wide"],
)
def test_other_air_is_no_airway(centre_i, centre_j, slices, radius):
    assert not traced(carve(tissue(), centre_i, centre_j, slices, radius=radius)).any()


def test_a_dark_bulla_within_the_lung_is_no_airway():
    hu = np.full((60, 50, 50), -830, dtype=np.float32)
    assert not traced(carve(hu, 30, 28, range(15, 50))).any()


def test_a_trachea_whose_wall_to_the_lung_is_blurred_away_is_told_by_its_darkness():
    hu = carve(tissue(), 30, 28, range(15, 50))
    i, j = np.indices(hu.shape[:2])
    lung = (np.hypot(i - 42, j - 28) < 10) & (hu[:, :, 20] > -400)
    hu[lung] = -820.0
    airway = traced(hu)
    assert airway[30, 28, 20:48].all()
    assert not airway[38:].any()


def test_no_air_no_airway():
    assert not traced(tissue()).any()
