"""Findings painted onto one body: where they may be, what they change, how they are spread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage, stats

from asap.phantom import lung_focal
from asap.phantom.anatomy import Anatomy, generate_anatomy
from asap.phantom.canvas import LOBES, Canvas, lobes_of
from asap.phantom.findings import BUILDERS, CONCEPTS, NORMAL_SHARE, choose_concepts, place_findings
from asap.phantom.sentences import LUNG_CONCEPTS, PLEURAL_CONCEPTS


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return generate_anatomy(np.random.default_rng(4))


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_finding_changes_its_region_and_stays_in_it(anatomy: Anatomy, concept: str) -> None:
    canvas = Canvas(anatomy)
    found = next((f for seed in range(6) if (f := BUILDERS[concept](canvas, np.random.default_rng(seed), None))), [])
    assert found, "six seeds and no room on a normal body"
    region = np.logical_or.reduce([finding.region for finding in found])
    change = np.abs(canvas.hu - anatomy.hu)
    if concept == "cardiomegaly":
        assert np.array_equal(region, anatomy.mask("heart"))
        return
    assert (change[region] > 1).mean() > 0.6
    near = ndimage.binary_dilation(region, iterations=6)
    assert change[~near].sum() < 0.05 * change.sum() or concept == "mosaic_attenuation"


@pytest.mark.parametrize("concept", sorted(LUNG_CONCEPTS | PLEURAL_CONCEPTS))
@pytest.mark.parametrize("side", ["right", "left"])
def test_a_region_lies_in_the_stated_lung_and_lobe(anatomy: Anatomy, concept: str, side: str) -> None:
    canvas = Canvas(anatomy)
    for seed in range(3):
        for finding in BUILDERS[concept](canvas, np.random.default_rng(seed), side):  # type: ignore[arg-type]
            assert finding.side == side
            assert not (finding.region & ~anatomy.mask(*lobes_of(side))).any()  # type: ignore[arg-type]
            if finding.anatomy is not None:
                lobe = anatomy.mask(f"{side}_{finding.anatomy}")
                assert (finding.region & lobe).sum() >= 0.7 * finding.region.sum()


def test_placement_is_uniform_over_the_lungs_volume(anatomy: Anatomy) -> None:
    canvas, rng = Canvas(anatomy), np.random.default_rng(0)
    points = [lung_focal.lung_point(canvas, rng, None) for _ in range(250)]
    labels = np.array([canvas.label_at(point) for point in points if point is not None])
    lobes = np.array([label for label in LOBES if (anatomy.labels == label).any()])
    volumes = np.array([(anatomy.labels == label).sum() for label in lobes])
    inside = np.isin(labels, lobes)
    counts = np.array([(labels == label).sum() for label in lobes])
    assert inside.mean() > 0.9  # half a voxel of jitter may step over the pleura
    assert stats.chisquare(counts, counts.sum() * volumes / volumes.sum()).pvalue > 1e-3


def test_depth_below_the_pleura_is_not_biased(anatomy: Anatomy) -> None:
    canvas, rng = Canvas(anatomy), np.random.default_rng(1)
    lung = anatomy.mask(*lobes_of(None))
    depths = []
    for _ in range(200):
        point = lung_focal.lung_point(canvas, rng, None)
        assert point is not None
        i, j, k = np.rint(point).astype(int)
        depths.append(anatomy.pleural_depth_mm[i, j, k])
    inside = np.array(depths)[np.array(depths) > 0]
    everywhere = rng.choice(anatomy.pleural_depth_mm[lung], 3000)
    assert stats.ks_2samp(inside, everywhere).pvalue > 1e-3


def test_solid_lesions_do_not_overlap(anatomy: Anatomy) -> None:
    canvas = Canvas(anatomy)
    found = place_findings(canvas, np.random.default_rng(3), ("mass", "nodule", "consolidation", "ground_glass", "emphysema"))
    count = np.sum([finding.region for finding in found], axis=0)
    assert len(found) >= 5
    assert count.max() == 1


def test_bilateral_puts_exactly_one_on_each_side(anatomy: Anatomy) -> None:
    canvas = Canvas(anatomy)
    found = place_findings(canvas, np.random.default_rng(5), ("nodule",), bilateral="nodule")
    assert [finding.side for finding in found] == ["right", "left"]


def test_fifteen_percent_of_cases_are_normal_and_required_findings_always_chosen() -> None:
    drawn = [choose_concepts(np.random.default_rng(seed)) for seed in range(1500)]
    normal = np.mean([not concepts for concepts in drawn])
    assert abs(normal - NORMAL_SHARE) < 4 * np.sqrt(NORMAL_SHARE * (1 - NORMAL_SHARE) / 1500)
    assert {concept for concepts in drawn for concept in concepts} == set(CONCEPTS)
    assert all("fracture" in choose_concepts(np.random.default_rng(seed), ("fracture",)) for seed in range(50))
    with pytest.raises(KeyError):
        choose_concepts(np.random.default_rng(0), ("hiccups",))


def test_an_occupied_lung_leaves_a_finding_out(anatomy: Anatomy) -> None:
    canvas = Canvas(replace(anatomy))
    canvas.occupied[:] = True
    assert place_findings(canvas, np.random.default_rng(0), ("nodule", "mass", "pleural_effusion")) == ()


def test_a_stated_size_fits_the_region(anatomy: Anatomy) -> None:
    canvas = Canvas(anatomy)
    for finding in place_findings(
        canvas, np.random.default_rng(11), ("mass", "bulla", "consolidation", "nodule", "ground_glass")
    ):
        corners = np.argwhere(finding.region)
        extent = 3.0 * (np.ptp(corners, axis=0) + 1)
        assert finding.size_mm is not None
        assert finding.size_mm <= np.linalg.norm(extent) + 1e-6
        assert extent.max() <= 2.2 * finding.size_mm + 6
