"""Generated lesions in real chest CTs, each with its exact region and a sentence about it.

What a lesion changes is what the painters of `asap.phantom` would change, with the scan's own noise in what they replace,
averaged over the scan's slice thickness.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from asap.phantom.canvas import Canvas, PlacedFinding
from asap.phantom.case import PhantomCase, report_text
from asap.phantom.findings import BUILDERS
from asap.phantom.scanner import HIGHEST_HU, LOWEST_HU, slice_profile
from asap.phantom.sentences import finding_sentence
from asap.report import Side
from asap.volume import Volume
from asap_training.data.backgrounds import AROUND_LESION_MM, SPACING_MM, Background, around

Floats = NDArray[np.float32]

# How often each is tried. The first four are the pool that truly depends on the image.
CONCEPTS: dict[str, float] = {
    "nodule": 4.0,
    "mass": 2.0,
    "consolidation": 3.0,
    "ground_glass": 3.0,
    "atelectasis": 1.0,
    "cavity": 0.5,
}
POOL = ("nodule", "mass", "consolidation", "ground_glass")
MOST_LESIONS = 4
DENSE = frozenset({"nodule", "mass", "consolidation", "atelectasis", "cavity"})
SMALLEST_EFFECT_HU = 40.0


def implanted(
    background: Background, seed: int, *, concepts: tuple[str, ...] = POOL, held_out_phrasing: bool = False
) -> PhantomCase:
    """One examination: the background with one to four lesions, the background itself as twin. The same for the same arguments.

    Sentences never name a lobe: a real lung's fissures are not known. What the scan has of its own on one side is named with the
    other side. The scan's own tumour is among the findings, and no sentence is written about it.
    """
    rng = np.random.default_rng([seed, 11])
    canvas = Canvas(background.anatomy)
    own = _own(background)
    for finding in own:
        canvas.occupied |= around(finding.region, AROUND_LESION_MM)
    placed = _placed(canvas, rng, background, concepts)
    volume = _blended(background, canvas.hu, placed, rng)
    seen = [
        finding
        for finding in (_measured(f, volume, background) for f in placed)
        if abs(finding.contrast_hu) >= SMALLEST_EFFECT_HU
    ]
    findings = (*own, *seen)
    words = np.random.default_rng([seed, 12])
    closed = {concept for concept, _ in background.source.closed}
    sentences = tuple(
        finding_sentence(findings, [number], words, held_out=held_out_phrasing, side_only=findings[number].concept in closed)
        for number in range(len(own), len(findings))
    )
    organs = {f"{side}_lung": background.lung(side) for side in ("left", "right")}
    organs["lung"] = organs["left_lung"] | organs["right_lung"]
    organs["trachea"] = background.anatomy.mask("trachea")
    affine = background.anatomy.affine
    return PhantomCase(Volume(volume, affine), background.volume, findings, sentences, organs, report_text(sentences))


def _own(background: Background) -> tuple[PlacedFinding, ...]:
    if background.tumour is None:
        return ()
    [(concept, side)] = background.source.closed
    return (PlacedFinding(concept, side, None, None, background.tumour, 0.0),)


def _placed(canvas: Canvas, rng: np.random.Generator, background: Background, concepts: tuple[str, ...]) -> list[PlacedFinding]:
    """One to four lesions of different places; kinds are drawn by their weight, painted from large to small."""
    weights = np.array([CONCEPTS[concept] for concept in concepts])
    drawn = rng.choice(len(concepts), size=int(rng.integers(1, MOST_LESIONS + 1)), p=weights / weights.sum())
    wanted = [concept for concept in BUILDERS for n in drawn if concepts[int(n)] == concept]
    found: list[PlacedFinding] = []
    for concept in wanted:
        sides: list[Side] = [side for side in ("left", "right") if (concept, side) not in background.source.closed]
        if sides:
            found += BUILDERS[concept](canvas, rng, sides[int(rng.integers(len(sides)))])
    return [replace(finding, anatomy=None) for finding in found if finding.region.any()]


def _blended(background: Background, painted: Floats, placed: list[PlacedFinding], rng: np.random.Generator) -> NDArray[np.int16]:
    """The painted body as this scan would show it: its noise in solid lesions, its slices' thickness over all of the change."""
    before = background.anatomy.hu
    change = painted - before
    for finding in placed:
        if finding.concept in DENSE:  # they replace lung, and with it lung's noise
            count = int(finding.region.sum())
            change[finding.region] += np.float32(background.noise_hu) * rng.standard_normal(count, dtype=np.float32)
    if background.source.slice_mm > 1.2 * SPACING_MM:
        change = change @ slice_profile(change.shape[2], background.source.slice_mm / SPACING_MM, float(rng.random()))
    return np.rint(np.clip(before + change, LOWEST_HU, HIGHEST_HU)).astype(np.int16)


def _measured(finding: PlacedFinding, volume: NDArray[np.int16], background: Background) -> PlacedFinding:
    """The finding with what the scan shows of it: thick slices leave little of a small nodule."""
    change = volume[finding.region] - background.anatomy.hu[finding.region]
    return replace(finding, contrast_hu=float(change.mean()))
