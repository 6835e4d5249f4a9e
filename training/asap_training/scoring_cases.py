"""What grounding is scored on: a volume, its twin without lesions, and sentences with the region where each is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asap.io.read import read_labels, read_volume
from asap.phantom.case import PhantomCase
from asap.volume import Volume, apply_affine

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
ORGAN_KINDS = frozenset({"heart", "aorta", "trachea", "spine", "liver", "stomach", "lung"})
SMALLEST_POOLED_NODULE_MM = 8.0


@dataclass(frozen=True, eq=False)
class Query:
    """One sentence and the world positions [V, 3] (RAS+ mm) of the voxels where it is true."""

    text: str
    kind: str
    region_mm: NDArray[np.float64]
    extent_mm: float
    in_twin: bool
    one_sided: bool


@dataclass(frozen=True, eq=False)
class ScoringCase:
    """One scan. cell_mm: voxel spacing of the region masks."""

    name: str
    volume: Volume
    twin: Volume
    queries: tuple[Query, ...]


def pooled(query: Query) -> bool:
    """Whether a query belongs to the pool of lesions that depend on the image."""
    return query.kind in LESION_KINDS and not (query.kind == "nodule" and query.extent_mm < SMALLEST_POOLED_NODULE_MM)


def judge_cases(folder: Path) -> Iterator[ScoringCase]:
    """The cases of another generator, as stored by the reference material."""
    for path in sorted(folder.glob("case_*")):
        record = json.loads((path / "case.json").read_text())
        queries = []
        for row in record["sentences"]:
            mask, affine = read_labels(path / row["region"])
            kind = JUDGE_CONCEPTS.get(row["finding"], row["finding"])
            queries.append(_query(row["text"], kind, mask > 0, affine, in_twin=not row["lesion_absent_in_twin"]))
        yield ScoringCase(path.name, read_volume(path / "ct.nii.gz"), read_volume(path / "twin.nii.gz"), tuple(queries))


def generated_case(name: str, case: PhantomCase) -> ScoringCase:
    """A generated case with all its sentences that have a region."""
    lesions = {finding.concept for finding in case.findings}
    queries = [
        _query(s.text, s.kind, s.region, case.volume.affine, in_twin=s.kind not in lesions)
        for s in case.sentences
        if s.region is not None and s.region.any()
    ]
    return ScoringCase(name, case.volume, case.twin, tuple(queries))


def _query(text: str, kind: str, mask: NDArray[np.bool_], affine: NDArray[np.float64], *, in_twin: bool) -> Query:
    region_mm = apply_affine(affine, np.argwhere(mask).astype(np.float64))
    extent = float(np.ptp(region_mm, axis=0).max()) if len(region_mm) else 0.0
    lower = text.lower()
    one_sided = (("left" in lower) != ("right" in lower)) and "both" not in lower and "bilateral" not in lower
    return Query(text, kind, region_mm, extent, in_twin, one_sided)
