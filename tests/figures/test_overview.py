import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import image, pyplot

from asap.figures import overview_png
from asap.figures.overlay import heat_of, picture
from asap.figures.overview import confidence_words, overview, position_words, three_planes
from asap.figures.planes import AXIAL, CORONAL, SAGITTAL, Box, Plane, body_box
from asap.figures.sheet import drawable
from asap.figures.windows import LUNG
from asap.io.read import read_volume
from tests.figures.groundings import hot_at, without_place
from tests.reference import reference_data
from tests.thorax import EIGHT_FLIPS, Lesion, stored_as, thorax

RIGHT_UPPER_FRONT = (80.0, 30.0, 50.0)
VOLUME = thorax(lesions=(Lesion(RIGHT_UPPER_FRONT, 14.0),))


def pixels(png):
    return np.asarray(image.imread(io.BytesIO(png)))[..., :3]


def hot(rgb):
    """Orange to yellow: red above green above blue, clearly coloured."""
    return (rgb[..., 0] - rgb[..., 2] > 0.22) & (rgb[..., 0] >= rgb[..., 1]) & (rgb[..., 1] > rgb[..., 2])


@pytest.mark.parametrize("view", (AXIAL, CORONAL, SAGITTAL), ids=lambda view: view.name)
def test_heat_is_drawn_over_the_lesion_it_belongs_to(view):
    plane = Plane(view, Box((-170, -120, -130), (170, 120, 130)), RIGHT_UPPER_FRONT[view.across], 1.0)
    heat = heat_of(hot_at(RIGHT_UPPER_FRONT, cell_mm=12.0, sigma_mm=12.0))
    plain, heated = picture(VOLUME, None, plane, LUNG), picture(VOLUME, heat, plane, LUNG)
    row, column = (round(x) for x in plane.pixel_of(RIGHT_UPPER_FRONT))
    near = np.zeros(plane.shape, dtype=bool)
    near[row - 25 : row + 25, column - 25 : column + 25] = True
    lesion = np.argwhere(near & (plain[..., 0] > 0.8)).mean(axis=0)
    warmth = np.argwhere(hot(heated)).mean(axis=0)
    assert np.abs(lesion - warmth).max() < 4
    far = np.abs(np.argwhere(~near)[::50] - [row, column]).max(axis=1) > 60
    assert np.array_equal(plain[~near][::50][far], heated[~near][::50][far])


@pytest.mark.parametrize("flips", EIGHT_FLIPS[::3])
def test_right_stays_right_on_the_page(flips):
    page = pixels(overview(stored_as(VOLUME, (1, 2, 0), flips), hot_at(RIGHT_UPPER_FRONT)))
    panels = three_planes(body_box(VOLUME), RIGHT_UPPER_FRONT, 0)
    top = 170
    for panel, (is_left, is_above) in zip(panels, ((True, True), (True, True), (True, True)), strict=True):
        _, columns = panel.plane.shape
        part = page[top:-60, panel.x : panel.x + columns]
        rows_found, columns_found = np.nonzero(hot(part))
        assert len(rows_found) > 100
        assert (columns_found.mean() < columns / 2) == is_left
        assert (rows_found.mean() < part.shape[0] / 2) == is_above


def test_a_left_lower_back_finding_is_on_the_other_ends():
    page = pixels(overview(VOLUME, hot_at((-80.0, -30.0, -60.0), text="A nodule in the left lower lobe.")))
    panels = three_planes(body_box(VOLUME), (-80.0, -30.0, -60.0), 0)
    for panel in panels:
        _, columns = panel.plane.shape
        rows_found, columns_found = np.nonzero(hot(page[170:-60, panel.x : panel.x + columns]))
        assert columns_found.mean() > columns / 2
        assert rows_found.mean() > (page.shape[0] - 230) / 2


@pytest.mark.slow
def test_file_is_whole_and_the_same_twice(tmp_path):
    grounding = hot_at(RIGHT_UPPER_FRONT)
    for name in ("a.png", "b.png"):
        overview_png(VOLUME, grounding, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second
    assert pixels(first).std() > 0.1
    assert b"tEXt" not in first and b"tIME" not in first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
    assert not pyplot.get_fignums()


def test_without_a_place_nothing_is_hot():
    page = pixels(overview(VOLUME, without_place()))
    below_header = page[200:]
    assert not hot(below_header).any()
    assert below_header.std() > 0.1


@pytest.mark.parametrize("change", [{"peak_ras_mm": None}, {"heatmap": np.zeros((14, 14, 14), dtype=np.float32)}])
def test_a_flat_heatmap_or_no_peak_is_shown_as_no_place(change):
    assert not hot(pixels(overview(VOLUME, replace(hot_at(RIGHT_UPPER_FRONT), **change)))[200:]).any()


def test_a_peak_below_the_threshold_is_drawn():
    faint = replace(hot_at(RIGHT_UPPER_FRONT), threshold=5.0)
    assert hot(pixels(overview(VOLUME, faint))[200:]).sum() > 50


def test_side_warning_takes_a_line_of_its_own():
    calm, warned = (hot_at(RIGHT_UPPER_FRONT, side_check=check) for check in ("agrees", "disagrees"))
    assert pixels(overview(VOLUME, warned)).shape[0] > pixels(overview(VOLUME, calm)).shape[0]


@pytest.mark.parametrize(
    "text", ["A $5 nodule_{x} \\alpha in the lung " + "and on " * 100 + "end.", "Nodule 3 < 5 & > 2 mm, “right” lung."]
)
def test_any_text_is_drawn_as_it_is(text):
    assert pixels(overview(VOLUME, hot_at(RIGHT_UPPER_FRONT, text=text))).shape[1] == 1600


def test_peak_outside_the_image_is_still_on_the_page():
    point = (160.0, 150.0, 150.0)
    panels = three_planes(body_box(VOLUME), point, 100)
    for panel in panels:
        row, column = panel.plane.pixel_of(point)
        assert 0 < row < panel.plane.shape[0] and 0 < column < panel.plane.shape[1]
    assert pixels(overview(VOLUME, hot_at(point))).std() > 0.05


def test_words():
    grounding = hot_at(RIGHT_UPPER_FRONT)
    assert confidence_words(replace(grounding, confidence=None))[0] == "not calibrated"
    assert confidence_words(replace(grounding, confidence=0.834))[0] == "83 %"
    assert position_words((84.2, -31.0, 112.4)) == "R 84   P 31   S 112 mm"


@pytest.mark.slow
def test_thick_slices_keep_the_patient_in_proportion():
    volume = read_volume(reference_data("ct/lung2_tumour/lung2_image.nrrd"))
    box = body_box(volume)
    panels = three_planes(box, (0.0, 100.0, -200.0), 0)
    for panel in panels:
        rows, columns = panel.plane.shape
        assert rows / columns == pytest.approx(
            box.size_mm(panel.plane.view.rows) / box.size_mm(panel.plane.view.columns), rel=0.02
        )


@pytest.mark.filterwarnings("error")
def test_characters_the_font_lacks_become_squares():
    assert drawable("mass \u5927 \u2265 5 cm") == "mass \N{WHITE SQUARE} \u2265 5 cm"
    assert pixels(overview(VOLUME, without_place(text="No mass \u5927.", reason="\u5927"))).shape[1] == 1600
