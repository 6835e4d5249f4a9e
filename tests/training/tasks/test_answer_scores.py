"""The table of drafts and answers: what counts as right, what knowing nothing scores, and rows that survive a stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase
from asap.volume import Volume
from asap_training.tasks import answer_scores as scores
from asap_training.tasks.answer_scores import AskedRow, PlaceRow
from asap_training.tasks.painting import noticed, painted_out, patched_elsewhere
from asap_training.tasks.vqa_scores import Answered
from tests.benchmarks import answers_rows, answers_table
from tests.benchmarks.answers_rows import CaseRows

SHAPE = (40, 20, 20)


def case_with_a_mass() -> PhantomCase:
    """A ball of soft tissue in a left lung that fills the volume."""
    region = np.zeros(SHAPE, dtype=np.bool_)
    region[4:8, 8:12, 8:12] = True
    rng = np.random.default_rng(0)
    twin = rng.normal(-850, 20, SHAPE).astype(np.int16)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    mass = PlacedFinding("mass", "left", "lower_lobe", 14.0, region, 890.0)
    volume = Volume(np.where(region, np.int16(40), twin), affine)
    return PhantomCase(volume, Volume(twin, affine), (mass,), (), {"left_lung": np.ones(SHAPE, dtype=np.bool_)}, "")


def rows(number: int) -> CaseRows:
    """One case with one finding, drafted right, asked right on the case and wrong on the twin."""
    return CaseRows(
        number,
        true=[("mass", "left")],
        drafted=[("mass", "left")],
        elsewhere=[("mass", "right")],
        true_labels={"Lung nodule": True, "Emphysema": False},
        drafted_labels={"Lung nodule": True, "Emphysema": False},
        asked=[AskedRow(number, "mass", True, "yes", 0.9), AskedRow(number, "mass", False, "cannot tell", 0.5)],
        strangers=[AskedRow(number, "mass", True, "yes", 0.9), AskedRow(number, "mass", False, "yes", 0.9)],
        places=[PlaceRow(number, "mass", True, -3.0), PlaceRow(number, "pleural_effusion", False, None)],
        answered=[Answered("presence", "Yes.", "Yes. There is a mass."), Answered("size", "40 mm", "37 mm across.")],
        painted=[(True, False)],
    )


def test_rows_of_a_case_are_read_back_as_they_were(tmp_path: Path) -> None:
    answers_rows.save(tmp_path / "a" / "0.json", rows(3))
    answers_rows.save(tmp_path / "a" / "1.json", None)
    assert answers_rows.load(tmp_path / "a" / "0.json") == rows(3)
    assert answers_rows.load(tmp_path / "a" / "1.json") is None


def test_the_table_says_what_the_rows_say() -> None:
    told = "\n".join(answers_table.lines([rows(0), rows(1), replace(rows(2), drafted=[], painted=[])]))
    found = {line[:58].strip(): line[58:].split() for line in told.splitlines()}
    assert found["finding F1 of drafts, assertion and side right"][:3] == ["n", "3", "0.800"]  # 2 hits, 2 drafted, 3 true
    assert found["the best constant report, which never looks"][2] == "1.000"
    assert found["another patient's draft, minus the constant report"][2] == "-1.000"
    assert found["presence on case and twin"][:3] == ["n", "6", "0.500"]
    assert found["of these answered with cannot tell"] == ["n", "3"]
    assert found["the same questions to other patients, minus .5"][2] == "0.000"
    assert found["location (side, and lobe in the lungs), where found"][2] == "0.500"
    assert found["size, mean absolute error in mm, where measured"][:3] == ["n", "3", "3.0"]
    assert found["of these with the right side and lobe"][2] == "3.0"
    assert found["painted out: flips or falls by .2"][:3] == ["n", "2", "1.000"]
    assert found["a patch elsewhere in that lung does so"][2] == "0.000"
    assert "L1 3.0 mm" in told


def test_a_table_of_nothing_scored_is_a_table() -> None:
    silent = replace(rows(0), asked=[], strangers=[], places=[], answered=[], painted=[])
    told = answers_table.lines([silent])
    assert any(line.startswith("size") and line.endswith("n    0") for line in told)


def test_the_best_constant_report_claims_what_is_worth_claiming() -> None:
    nodule, rare = ("nodule", None), ("fracture", None)
    assert scores.best_constant([{nodule}, {nodule, rare}, {nodule}]) == {nodule}
    assert scores.best_constant([]) == set()


def test_what_a_draft_states_counts_by_side() -> None:
    text = "There is a nodule in both lungs. No mass. There is cardiomegaly."
    assert scores.drafted_findings(text) == {("nodule", "left"), ("nodule", "right"), ("cardiomegaly", None)}


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (("mass", "left", "lower_lobe"), "lung/left lung/left lung lower lobe"),
        (("mass", "right", None), "lung/right lung"),
        (("pleural_effusion", "left", None), "pleura/left pleura"),
        (("cardiomegaly", None, None), "heart"),
    ],
)
def test_places_are_named_from_the_organ_down(place: tuple[str, scores.Side | None, str | None], path: str) -> None:
    assert scores.anatomy_path(*place) == path


def test_a_painted_finding_is_gone_and_a_patch_leaves_it() -> None:
    case = case_with_a_mass()
    mass = case.findings[0]
    assert painted_out(case, mass).hu.max() < -700
    patched = patched_elsewhere(case, mass, np.random.default_rng(0))
    assert patched is not None
    assert (patched.hu[mass.region] == 40).all()
    changed = patched.hu != case.volume.hu
    assert 0 < changed.sum() <= mass.region.sum()
    assert patched_elsewhere(replace(case, organs={}), mass, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [(0.9, 0.45, True), (0.55, 0.49, True), (0.9, 0.75, False), (0.3, 0.2, False), (None, 0.1, False)],
)
def test_a_flip_or_a_fall_by_a_fifth_is_noticed(before: float | None, after: float | None, seen: bool) -> None:
    assert noticed(before, after) == seen
