"""Classifying, asking and drafting with the shipped model on a generated chest with a large mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from asap.drafts import Draft
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.load import load_engine
from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase, generate_case
from asap.text.ctrate_labels import CTRATE_FINDINGS
from asap.text.read import read_sentence
from asap.volume import apply_affine

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Chest:
    """A generated case with one effusion, encoded with and without it."""

    engine: Engine
    case: PhantomCase
    features: StudyFeatures
    twin: StudyFeatures
    effusion: PlacedFinding


@pytest.fixture(scope="module")
def chest() -> Chest:
    engine = load_engine("asap-mini")
    for seed in range(7_900_000, 7_900_020):
        case = generate_case(seed, required=("pleural_effusion",))
        effusions = [f for f in case.findings if f.concept == "pleural_effusion"]
        if len(effusions) == 1 and len(case.findings) <= 3:
            return Chest(engine, case, engine.encode(case.volume), engine.encode(case.twin), effusions[0])
    raise AssertionError("no such case")


def other(side: str | None) -> str:
    return "left" if side == "right" else "right"


def test_labels_are_the_eighteen_in_order_and_follow_the_finding(chest: Chest) -> None:
    with_it, without = chest.engine.classify(chest.features), chest.engine.classify(chest.twin)
    assert tuple(label.name for label in with_it) == CTRATE_FINDINGS
    effusion = CTRATE_FINDINGS.index("Pleural effusion")
    probability, twin = with_it[effusion].probability, without[effusion].probability
    assert probability is not None
    assert twin is not None
    assert probability > 0.5 > twin
    assert with_it[effusion].estimates[0].side == chest.effusion.side
    assert all(label.probability is None or 0.0 < label.probability < 1.0 for label in with_it)


def test_presence_is_told_with_its_side_and_its_place(chest: Chest) -> None:
    side = chest.effusion.side
    there = chest.engine.ask(chest.features, f"Is there a pleural effusion on the {side}?")
    assert there.verdict == "yes"
    assert there.confidence is not None
    peak = there.evidence[0].grounding.peak_ras_mm
    assert peak is not None
    region_mm = apply_affine(chest.case.volume.affine, np.argwhere(chest.effusion.region).astype(float))
    assert np.linalg.norm(region_mm - np.array(peak), axis=1).min() < 24
    assert chest.engine.ask(chest.features, f"Is there a pleural effusion on the {other(side)}?").verdict == "no"
    assert chest.engine.ask(chest.twin, "Is there a pleural effusion?").verdict == "no"
    assert chest.engine.ask(chest.twin, "Is the pleura free of effusion?").verdict == "yes"


def test_a_place_is_read_off_the_image(chest: Chest) -> None:
    answer = chest.engine.ask(chest.features, "Where is the pleural effusion?")
    assert [e.side for e in answer.evidence] == [chest.effusion.side]
    assert f"on the {chest.effusion.side}" in answer.text


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("How large is the pneumothorax?", "not found"),
        ("Is there a kidney stone?", "does not show well"),
        ("Are there abnormalities of the breast?", "looks for none"),
        ("Who won?", "names no finding"),
    ],
)
def test_cannot_tell_is_an_answer_with_its_reason(chest: Chest, question: str, reason: str) -> None:
    answer = chest.engine.ask(chest.twin, question, chest.case.twin)
    assert answer.verdict == "cannot tell"
    assert answer.confidence is None
    assert answer.reason is not None
    assert reason in answer.reason


def test_a_size_needs_the_image(chest: Chest) -> None:
    answer = chest.engine.ask(chest.features, "How large is the pleural effusion?")
    assert answer.reason == "A size is measured in the image, and the image is not at hand."


def test_every_drafted_sentence_is_grounded_and_says_what_it_means(chest: Chest) -> None:
    draft = chest.engine.draft(chest.features, chest.case.volume)
    assert f"pleural effusion on the {chest.effusion.side}" in draft.text()
    for sentence in draft.sentences:
        assert sentence.grounding.weights_sha256 == chest.features.weights_sha256
        assert (sentence.grounding.heatmap is None) == (read_sentence(sentence.text).assertion == "absent")
        assert sentence.probability is not None
        assert (sentence.state == "held back") == (sentence.probability < draft.threshold and not sentence.flags)
    assert {s.text for s in draft.sentences if s.section == "impression"} <= {s.text for s in told(draft)}
    assert "No pleural effusion." not in draft.text()


def test_a_higher_threshold_holds_more_back(chest: Chest) -> None:
    kept = [
        sum(s.state == "supported" for s in told(chest.engine.draft(chest.features, threshold=threshold)))
        for threshold in (0.2, 0.5, 0.95)
    ]
    assert kept[0] >= kept[1] >= kept[2]
    assert kept[0] > kept[2]


def told(draft: Draft) -> list:
    return [sentence for sentence in draft.sentences if sentence.section == "findings"]


def test_what_another_writer_wrote_is_checked_sentence_by_sentence(chest: Chest) -> None:
    side = chest.effusion.side
    text = f"FINDINGS: There is a pleural effusion on the {side}. There is a pleural effusion on the {other(side)}. Thank you."
    draft = chest.engine.draft_written(chest.features, text, "somebody")
    first, second = told(draft)
    assert (first.state, second.state) == ("supported", "held back")
    assert draft.author == "somebody"
    denied = chest.engine.draft_written(chest.features, "No pleural effusion.", "somebody")
    assert told(denied)[0].state != "supported"
