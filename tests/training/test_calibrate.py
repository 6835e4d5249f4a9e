"""What a confidence is fitted on: a true sentence is held against the same chest without the finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from asap.inference.calibration import Calibration
from asap.inference.load import load_engine
from asap.phantom.case import generate_case
from asap.phantom.case_files import save_case
from asap_training.calibrate import fit, observations


@pytest.mark.slow
def test_a_sentence_is_observed_on_its_scan_and_on_the_twin_where_it_is_false(tmp_path: Path) -> None:
    case = generate_case(60_003, required=("mass",))
    save_case(tmp_path / "case-0060003", case)
    rows = list(observations(load_engine("asap-mini"), tmp_path))
    masses = [row for row in rows if row[0] == "mass"]
    assert len(masses) % 2 == 0
    assert [strict for _, _, strict in masses[1::2]] == [False] * (len(masses) // 2), "the twin has no mass"
    assert masses[0][2], "a mass is found where it is"
    assert masses[0][1] > masses[1][1] + 2, "and believed less where it is not"
    organs = [strict for concept, _, strict in rows if concept in ("heart", "aorta", "trachea", "liver", "vertebra")]
    assert all(organs), "what the twin has too is not false of it"


def test_the_curve_follows_what_was_observed() -> None:
    rows = [("mass", x, x > 0) for x in (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)] * 10 + [("nodule", 1.0, n % 2 == 0) for n in range(40)]
    curve = Calibration.from_manifest(fit([*rows, ("rib", 1.0, True)]))
    assert curve.slope > 0
    assert set(curve.by_concept) == {"mass", "nodule"}, "one observation is no curve"
    assert curve.observations == {"mass": 60, "nodule": 40}
    believed = curve.confidence(3.0, "mass")
    assert believed is not None
    assert believed > 0.9
    assert curve.confidence(1.0, "nodule") == pytest.approx(0.5, abs=0.1)


def test_a_concept_with_evidence_of_its_own_has_its_own_slope_and_leaves_the_others_alone() -> None:
    masses = [("mass", x, x > 0.5) for x in (-3.0, -2.0, 0.4, 0.6, 2.0, 3.0)] * 10
    nodules = [("nodule", 10 * x, n % 5 != (x > 0)) for x in (-1.0, 1.0) for n in range(30)]
    together, alone = Calibration.from_manifest(fit([*masses, *nodules], ("nodule",))), Calibration.from_manifest(fit(masses))
    assert together.confidence(0.7, "mass") == alone.confidence(0.7, "mass")
    assert together.slope_of("nodule") < 0.5 * together.slope_of("mass")
    shares = [sum(strict for _, x, strict in nodules if x == at) / 30 for at in (-10.0, 10.0)]
    for at, share in zip((-10.0, 10.0), shares, strict=True):
        assert together.confidence(at, "nodule") == pytest.approx(share, abs=0.05)
