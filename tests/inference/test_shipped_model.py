"""The shipped model on generated cases it has never seen."""

from __future__ import annotations

import numpy as np
import pytest

from asap.inference.load import load_engine
from asap.phantom.case import generate_case
from asap.text.read import read_sentence

CELL_ML = 12**3 / 1000


@pytest.mark.slow
def test_the_region_of_a_nodule_is_not_half_a_litre() -> None:
    engine = load_engine("asap-mini")
    sizes_ml = []
    for seed in range(60_000, 60_004):
        case = generate_case(seed, required=("nodule",))
        features = engine.encode(case.volume)
        told = [s for s in case.sentences if s.kind == "nodule" and s.assertion == "present" and len(s.findings) == 1]
        answers = engine.ground(features, [read_sentence(s.text) for s in told])
        sizes_ml += [answer.tokens * CELL_ML for answer in answers if answer.tokens]
    assert len(sizes_ml) >= 4
    assert np.max(sizes_ml) < 30
