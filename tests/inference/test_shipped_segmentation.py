"""The shipped segmentation heads on a generated case they have never seen, and in the engine's hands."""

from __future__ import annotations

import numpy as np
import pytest

from asap.inference.load import load_engine
from asap.inference.organs import LEARNT
from asap.models.load_segmentation import belongs_to, segmentation_folder
from asap.phantom.case import generate_case
from asap.segment_types import ORGANS
from asap.segmentation import dice


def test_the_shipped_heads_belong_to_the_shipped_model_or_stay_out_of_the_way() -> None:
    engine = load_engine("asap-mini")
    folder = segmentation_folder("asap-mini")
    assert folder is not None
    assert (engine.lesions.heads is not None) == belongs_to(folder, engine.grounder.weights_sha256)
    assert load_engine("asap-test").organs.known == ("right_lung", "left_lung")


@pytest.mark.slow
def test_organs_are_found_on_the_scans_own_grid_and_sides_are_right() -> None:
    engine = load_engine("asap-mini")
    if engine.organs.heads is None:
        assert engine.organs.known == ("right_lung", "left_lung")
        return
    case = generate_case(79_001)
    result = engine.segment(case.volume, ("heart", "liver", "right_lower_lobe", "left_lower_lobe"))
    for key in ("heart", "liver", "right_lower_lobe", "left_lower_lobe"):
        assert dice(result.mask(ORGANS[key].label), case.organs[key]) > 0.6, key
    heart = next(segment for segment in result.segments if segment.kind.key == "heart")
    assert heart.source == LEARNT
    assert heart.measurements.volume_ml == pytest.approx(float(np.sum(heart.mask)) * 27 / 1000)
