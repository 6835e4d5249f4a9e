"""What grounding is scored on: a volume, its twin without lesions, and sentences with the region where each is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.io.read import read_labels, read_volume
from asap.phantom.case import PhantomCase
from asap.volume import Volume, apply_affine, spacing_of

# Judge cases use short names of their own.
JUDGE_CONCEPTS = {
    "ggo": "ground_glass",
    "aocalc": "arterial_calcification",
    "corcalc": "coronary_calcification",
    "pericardial": "pericardial_effusion",
    "effusion": "pleural_effusion",
    "node": "lymphadenopathy",
    "hernia": "hiatal_hernia",
}
LESION_KINDS = frozenset({"nodule", "mass", "consolidation", "ground_glass"})
LUNGS = {"left_lung": "lung", "right_lung": "lung"}
ORGAN_KINDS = frozenset({"heart", "aorta", "trachea", "spine", "liver", "stomach", "lung"})
SMALLEST_POOLED_NODULE_MM = 8.0
LARGE_NODULE_MM = 15.0


@dataclass(frozen=True, eq=False)
class Query:
    """One sentence and the world positions [V, 3] (RAS+ mm) of the voxels where it is true."""

    text: str
    kind: str
    region_mm: NDArray[np.float64]
    extent_mm: float
    in_twin: bool
    one_sided: bool

    @property
    def pooled(self) -> bool:
        """Whether it belongs to the pool of lesions that depend on the image."""
        return self.kind in LESION_KINDS and not (self.kind == "nodule" and self.extent_mm < SMALLEST_POOLED_NODULE_MM)

    @property
    def organ(self) -> bool:
        """Whether it belongs to the organs: heart, aorta, trachea, spine, liver, stomach, one-sided lung."""
        return self.kind in ORGAN_KINDS and (self.kind != "lung" or self.one_sided)

    @property
    def row(self) -> str:
        """The table's row: nodules have three, by their longest side."""
        if self.kind != "nodule":
            return self.kind
        small, large = (f"{limit_mm:.0f}" for limit_mm in (SMALLEST_POOLED_NODULE_MM, LARGE_NODULE_MM))
        if not self.pooled:
            return f"nodule < {small} mm"
        return f"nodule > {large} mm" if self.extent_mm > LARGE_NODULE_MM else f"nodule {small}-{large} mm"


@dataclass(frozen=True, eq=False)
class ScoringCase:
    """One scan, with the finding and without. lesions_mm: kind and positions of everything painted into it, told or not."""

    name: str
    volume: Volume
    twin: Volume
    queries: tuple[Query, ...]
    lesions_mm: tuple[tuple[str, NDArray[np.float64]], ...]

    def positions_of(self, kind: str) -> list[NDArray[np.float64]]:
        """Where this scan has findings of a kind."""
        told = [query.region_mm for query in self.queries if query.kind == kind]
        return told + [positions for name, positions in self.lesions_mm if name == kind]


def judge_cases(folder: Path) -> Iterator[ScoringCase]:
    """The cases of another generator, as stored by the reference material."""
    for path in sorted(folder.glob("case_*")):
        record = json.loads((path / "case.json").read_text())
        queries = []
        for row in record["sentences"]:
            mask, affine = read_labels(path / row["region"])
            kind = JUDGE_CONCEPTS.get(row["finding"], row["finding"])
            queries.append(_query(row["text"], kind, mask > 0, affine, in_twin=not row["lesion_absent_in_twin"]))
        yield ScoringCase(path.name, read_volume(path / "ct.nii.gz"), read_volume(path / "twin.nii.gz"), tuple(queries), ())


def generated_case(name: str, case: PhantomCase) -> ScoringCase:
    """A generated case with all its sentences that have a region."""
    lesions = {finding.concept for finding in case.findings}
    queries = [
        _query(s.text, LUNGS.get(s.kind, s.kind), s.region, case.volume.affine, in_twin=s.kind not in lesions)
        for s in case.sentences
        if s.region is not None and s.region.any()
    ]
    painted = tuple((f.concept, _positions(f.region, case.volume.affine)) for f in case.findings)
    return ScoringCase(name, case.volume, case.twin, tuple(queries), painted)


def _query(text: str, kind: str, mask: NDArray[np.bool_], affine: NDArray[np.float64], *, in_twin: bool) -> Query:
    labels, count = ndimage.label(mask)
    largest = labels == 1 + int(np.argmax(ndimage.sum_labels(mask, labels, range(1, count + 1)))) if count else mask
    extents = [(s.stop - s.start) * d for s, d in zip(ndimage.find_objects(largest)[0], spacing_of(affine), strict=True)]
    region_mm, extent = _positions(mask, affine), max(extents)
    lower = text.lower()
    one_sided = (("left" in lower) != ("right" in lower)) and "both" not in lower and "bilateral" not in lower
    return Query(text, kind, region_mm, extent, in_twin, one_sided)


def _positions(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    return apply_affine(affine, np.argwhere(mask).astype(np.float64))
