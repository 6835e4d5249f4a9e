import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import image

from asap.figures import report_png
from asap.figures.doubt import Doubt
from asap.figures.report_sheet import MOST_CARDS, report_sheet
from tests.figures.groundings import hot_at, without_place
from tests.figures.test_overview import hot
from tests.thorax import thorax

VOLUME = thorax(spacing_mm=(6.0, 6.0, 8.0))


def numbered(groundings):
    return [replace(g, sentence=replace(g.sentence, index=n)) for n, g in enumerate(groundings)]


def pixels(png):
    return np.asarray(image.imread(io.BytesIO(png)))[..., :3]


def test_one_card_for_each_place_and_a_line_for_each_other():
    two = report_sheet(VOLUME, numbered([hot_at((70, 0, 40)), hot_at((-70, 0, -40))]))
    mixed = report_sheet(VOLUME, numbered([hot_at((70, 0, 40)), without_place(), hot_at((-70, 0, -40)), without_place()]))
    assert pixels(mixed).shape[0] > pixels(two).shape[0]
    page = pixels(two)[150:]
    third = page.shape[1] // 3
    assert hot(page[:, :third]).sum() > 50 and hot(page[:, third : 2 * third]).sum() > 50
    assert not hot(page[:, 2 * third :]).any()


def test_right_and_left_are_apart_on_their_cards():
    page = pixels(report_sheet(VOLUME, numbered([hot_at((70, 0, 0)), hot_at((-70, 0, 0))])))[150:]
    right, left = np.nonzero(hot(page[:, 38:280]))[1], np.nonzero(hot(page[:, 562:804]))[1]
    assert right.mean() < 121 < left.mean()


def test_a_report_without_any_place_and_an_empty_one():
    assert not hot(pixels(report_sheet(VOLUME, numbered([without_place()] * 5)))[100:]).any()
    assert pixels(report_sheet(VOLUME, [])).shape[1] == 1600


@pytest.mark.slow
def test_a_very_long_report_stays_drawable():
    png = report_sheet(VOLUME, numbered([hot_at((70, 0, 40))] * 2 + [without_place()] * 300))
    assert pixels(png).shape[0] < 10_000
    assert MOST_CARDS * 400 / 3 < 2**15


def test_the_file_is_the_same_twice(tmp_path):
    groundings = numbered([hot_at((70, 0, 40), side_check="disagrees"), without_place()])
    for name in ("a.png", "b.png"):
        report_png(VOLUME, groundings, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_cards_and_lines_a_draft_does_not_stand_by_are_marked_and_the_others_are_not():
    groundings = numbered([hot_at((70, 0, 40)), hot_at((-70, 0, -40)), without_place()])
    doubt = Doubt("contradicted", "The classifier says the opposite: Lung nodule 12%.")
    plain, placed, listed = (pixels(report_sheet(VOLUME, groundings, doubts)) for doubts in ({}, {1: doubt}, {2: doubt}))
    amber = np.array([0xFF, 0xB4, 0x54]) / 255

    def marked(page):
        return (np.abs(page - amber).max(axis=-1) < 0.05)[90:]  # below the banner, which is amber on every page

    assert not marked(plain).any()
    columns = np.nonzero(marked(placed))[1]
    assert columns.min() > 540 and columns.max() < 1070  # the second card alone
    assert listed.shape == plain.shape and marked(listed)[plain.shape[0] - 250 :].any()


def test_a_drafts_own_sentence_shows_its_probability_in_place_of_its_places_confidence():
    groundings = numbered([hot_at((70, 0, 40)), hot_at((-70, 0, -40))])
    plain, told = (pixels(report_sheet(VOLUME, groundings, {}, given)) for given in ({}, {1: 0.87}))
    changed = np.nonzero(np.abs(plain - told).max(axis=-1) > 0.05)
    assert changed[1].min() > 540 and changed[1].max() < 1070  # on the second card alone
    assert changed[0].max() - changed[0].min() < 20  # one line of it
