"""The baseline that has learnt nothing finds what rules can find; a model is compared with it."""

from __future__ import annotations

import numpy as np
import pytest

from asap.inference.engine import Engine
from asap.phantom.case import generate_case
from asap.text.read import read_sentence
from asap.volume import apply_affine
from asap_training.tasks.classical_baseline import ClassicalBaseline


@pytest.mark.slow
def test_it_points_into_the_lung_named_and_at_the_heart() -> None:
    case = generate_case(4)
    engine = Engine(ClassicalBaseline())
    texts = {"left_lung": "Left lung.", "right_lung": "Right lung.", "heart": "Heart.", "trachea": "Trachea."}
    answers = engine.ground(engine.encode(case.volume), [read_sentence(text) for text in texts.values()])
    for organ, answer in zip(texts, answers, strict=True):
        region_mm = apply_affine(case.volume.affine, np.argwhere(case.organs[organ]).astype(float))
        assert np.linalg.norm(region_mm - np.asarray(answer.peak_ras_mm), axis=1).min() <= 12.0, organ
        assert answer.confidence is None
