"""The shipped model on real chest CTs it has never seen: it points where the sentence is true, or says why not."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from asap.errors import NotChestError
from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.io.read import read_volume
from asap.text.read import read_report, read_sentence
from asap_training.grounding_score import STRICT_MM
from tests.benchmarks.real_pairs import MASS, rows
from tests.reference import reference_data

pytestmark = pytest.mark.slow


@lru_cache(maxsize=1)
def engine() -> Engine:
    return load_engine("asap-mini")


@lru_cache(maxsize=1)
def answers(reference: Path) -> list[tuple[str, str, float, float]]:
    return list(rows(engine(), reference))


def test_every_wording_points_within_twelve_millimetres() -> None:
    found = answers(reference_data("ct").parent)
    assert len(found) == 5 * 3 + 2 * len(MASS)
    missed = [(name, text, distance) for name, text, distance, _ in found if "painted" not in name and distance > STRICT_MM]
    assert not missed


def test_the_mass_is_found_for_what_it_is() -> None:
    """Painted over with lung texture, the peak leaves or the confidence falls by more than half."""
    found = answers(reference_data("ct").parent)
    before = {text: score for name, text, _, score in found if name == "lung2 mass"}
    for name, text, distance, score in found:
        if name == "lung2 painted out":
            assert distance > STRICT_MM or score < 0.5 * before[text], text


def test_an_abdomen_is_said_not_to_be_a_chest() -> None:
    for name in ("example_ct.nii.gz", "example_ct_sm.nii.gz"):
        with pytest.raises(NotChestError, match="chest"):
            engine().encode(read_volume(reference_data(f"ct/totalseg_abdomen_control/{name}")))


def test_one_patient_stored_straight_and_oblique_gets_one_answer() -> None:
    question = [read_sentence("The left lung is clear.")]
    straight = read_volume(reference_data("ct/cip_copd64/ct-64.nrrd")).reoriented_to_ras()
    oblique = read_volume(reference_data("ct/cip_copd64/ct-64-transformed.nrrd")).reoriented_to_ras()
    first = engine().ground(engine().encode(straight), question)[0]
    second = engine().ground(engine().encode(oblique), question)[0]
    voxel = straight.voxel_from_world(first.peak_ras_mm)  # type: ignore[arg-type]
    assert oblique.world_from_voxel(voxel) == pytest.approx(second.peak_ras_mm, abs=0.5)


def test_absent_findings_never_light_up() -> None:
    report = read_report("FINDINGS: No pleural effusion. There is no mass in the left lung. The heart is normal in size.")
    features = engine().encode(read_volume(reference_data("ct/cip_copd64/ct-64.nrrd")))
    effusion, mass, heart = engine().ground(features, report.sentences)
    assert effusion.heatmap is None
    assert mass.heatmap is None
    assert heart.heatmap is not None
    assert heart.confidence is not None
    assert 0.0 <= heart.confidence <= 1.0
