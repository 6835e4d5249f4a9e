"""`generate_case`: a generated chest CT, its twin without findings, exact regions, and a report about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from asap.phantom.anatomy import generate_anatomy
from asap.phantom.canvas import Canvas, PlacedFinding, bounding_box
from asap.phantom.false_statements import false_queries
from asap.phantom.findings import choose_concepts, place_findings
from asap.phantom.labels import LABELS
from asap.phantom.scanner import random_settings, scan
from asap.phantom.sentences import CONFUSABLE, PhantomSentence, describe
from asap.volume import Affine, Volume

# Organ id -> labels it is made of. A lung includes its lesions and pleural fluid.
ORGANS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in LABELS if name not in ("background", "soft_tissue", "muscle", "fat", "table", "breast")},
    "right_lung": ("right_upper_lobe", "right_middle_lobe", "right_lower_lobe"),
    "left_lung": ("left_upper_lobe", "left_lower_lobe"),
    "lung": ("right_upper_lobe", "right_middle_lobe", "right_lower_lobe", "left_upper_lobe", "left_lower_lobe"),
    "airway": ("trachea", "main_bronchi"),
}
GRID_MM = (384.0, 336.0, 336.0)  # extent of the grid along right, anterior, superior


@dataclass(frozen=True, eq=False)
class PhantomCase:
    """A generated examination.

    volume, twin: int16 RAS volumes on one grid, with and without the findings, same scanner noise. findings: what was painted.
    sentences: the report's sentences in order. organs: organ id -> (i, j, k) bool. report: FINDINGS and IMPRESSION as text.
    """

    volume: Volume
    twin: Volume
    findings: tuple[PlacedFinding, ...]
    sentences: tuple[PhantomSentence, ...]
    organs: dict[str, NDArray[np.bool_]]
    report: str


def generate_case(
    seed: int,
    *,
    spacing_mm: float = 3.0,
    required: tuple[str, ...] = (),
    bilateral: str | None = None,
    held_out_phrasing: bool = False,
) -> PhantomCase:
    """One case, the same for the same arguments. Without `required` and `bilateral`, 15 % of cases have no finding.

    required: concepts that must be tried. bilateral: a concept placed once in each lung, with one sentence for each side that
    names nothing but the side. held_out_phrasing: use the wordings kept from training. Raises KeyError for an unknown concept.
    """
    streams = np.random.SeedSequence(seed).spawn(4)
    wanted = (*required, bilateral) if bilateral else required
    concepts = choose_concepts(np.random.default_rng(streams[0]), wanted)
    if bilateral:  # nothing else that its sentence could mean
        concepts = tuple(concept for concept in concepts if concept not in CONFUSABLE.get(bilateral, frozenset()))
    heart_scale = float(np.random.default_rng(streams[0]).uniform(1.22, 1.45)) if "cardiomegaly" in concepts else 1.0
    shape = grid_shape(spacing_mm)
    anatomy = generate_anatomy(np.random.default_rng(streams[1]), spacing_mm, shape, heart_scale)
    plain = anatomy.hu
    if heart_scale != 1.0:
        plain = generate_anatomy(np.random.default_rng(streams[1]), spacing_mm, shape, 1.0).hu
    canvas = Canvas(anatomy)
    findings = place_findings(canvas, np.random.default_rng(streams[2]), concepts, bilateral)
    findings = tuple(_with_contrast(finding, canvas.hu, plain) for finding in findings)
    settings = random_settings(np.random.default_rng(streams[3]))
    noise_seed = streams[3].spawn(1)[0]
    volume = scan(canvas.hu, np.random.default_rng(noise_seed), settings, spacing_mm)
    twin = scan(plain, np.random.default_rng(noise_seed), settings, spacing_mm) if findings else volume.copy()
    organs = organ_masks(anatomy.labels)
    words = np.random.default_rng([seed, 5])
    sentences = describe(findings, organs, words, held_out=held_out_phrasing, bilateral=bilateral)
    return PhantomCase(
        Volume(volume, anatomy.affine), Volume(twin, anatomy.affine), findings, sentences, organs, report_text(sentences)
    )


def absent_queries(
    case: PhantomCase, rng: np.random.Generator, count: int, *, held_out_phrasing: bool = False
) -> tuple[PhantomSentence, ...]:
    """Sentences that assert findings this case does not have (or has on the other side only); their region is None."""
    return false_queries(case.findings, rng, count, held_out=held_out_phrasing)


def retold(case: PhantomCase, rng: np.random.Generator, *, held_out_phrasing: bool = False) -> PhantomCase:
    """The same case with newly drawn sentences."""
    sentences = describe(case.findings, case.organs, rng, held_out=held_out_phrasing)
    return replace(case, sentences=sentences, report=report_text(sentences))


def grid_shape(spacing_mm: float) -> tuple[int, int, int]:
    """Voxels that cover GRID_MM: (128, 112, 112) at 3 mm."""
    i, j, k = (round(extent / spacing_mm) for extent in GRID_MM)
    return i, j, k


def organ_masks(labels: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
    """Every organ of ORGANS that occurs, as (i, j, k) bool."""
    single = {name: labels == value for name, value in LABELS.items() if any(name in names for names in ORGANS.values())}
    out: dict[str, NDArray[np.bool_]] = {}
    for organ, names in ORGANS.items():
        mask = single[names[0]].copy() if len(names) > 1 else single[names[0]]
        for name in names[1:]:
            mask |= single[name]
        if mask.any():
            out[organ] = mask
    return out


def report_text(sentences: tuple[PhantomSentence, ...]) -> str:
    """FINDINGS with every sentence, IMPRESSION with the first three that assert a finding."""
    findings = " ".join(sentence.text for sentence in sentences)
    key = [sentence.text for sentence in sentences if sentence.assertion == "present"][:3]
    return f"FINDINGS:\n{findings}\n\nIMPRESSION:\n{' '.join(key) or 'No acute finding.'}\n"


def stored_obliquely(volume: Volume, rng: np.random.Generator) -> Volume:
    """The same voxels at a turned world position, stored with axes permuted and flipped at random; nothing is resampled."""
    angle = np.radians(rng.uniform(-25, 25))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    world = np.eye(4)
    world[:3, :3] = turn
    affine: Affine = world @ volume.affine
    order = [int(axis) for axis in rng.permutation(3)]
    hu = volume.hu.transpose(order)
    columns = affine[:3, :3][:, order]
    origin = affine[:3, 3].copy()
    for axis in range(3):
        if rng.random() < 0.5:
            hu = hu[tuple(slice(None, None, -1 if n == axis else 1) for n in range(3))]
            origin += columns[:, axis] * (hu.shape[axis] - 1)
            columns[:, axis] = -columns[:, axis]
    stored = np.eye(4)
    stored[:3, :3], stored[:3, 3] = columns, origin
    return Volume(hu.copy(), stored)


def _with_contrast(finding: PlacedFinding, after: NDArray[np.float32], before: NDArray[np.float32]) -> PlacedFinding:
    """The finding with its change against the body without any finding, whatever was painted there in between."""
    box = bounding_box(finding.region)
    if box is None:
        return finding
    change = (after[box] - before[box])[finding.region[box]]
    return replace(finding, contrast_hu=float(change.mean()))
