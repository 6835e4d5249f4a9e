"""Boxes cut out of generated cases: what the rows of the ablation are trained and measured on (`rows.py` says why).

A box is a generated case of its own: a cube of the volume and of its twin, with the organs and findings inside, and a report
newly written from these alone, so that every sentence is true of what the box shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase, report_text
from asap.phantom.case_files import FILE_NAME, load_case, save_case
from asap.phantom.sentences import describe
from asap.volume import Volume, apply_affine, spacing_of
from asap_training.ablation.rows import FIELD_MM, JITTER_MM
from asap_training.data.fields_of_view import ORGANS
from asap_training.scoring_cases import LESION_KINDS

SEED = 11
OFF_CENTRE = 0.3  # of the field, per axis: where in its box a lesion lies must not tell anything
SMALLEST_LESION_ML = 2.0  # a sphere of 16 mm: smaller ones fill less than a token
SMALLEST_NAMED_ML = 8.0  # less of an organ is not spoken of
LEAST_SHARE = 0.4  # of a finding, if less than a lesion's smallest volume lies inside: else it is not told
Cube = tuple[slice, slice, slice]


def cut_boxes(cases: Path, out: Path, count: int | None = None, *, held_out: bool) -> Path:
    """Two boxes of each of the first `count` cases in `out`: one with a lesion, where it has one, and one anywhere in the lungs.

    What is there already is not cut again. held_out: told in the wordings kept from training.
    """
    for path in sorted(file.parent for file in cases.glob(f"case-*/{FILE_NAME}"))[:count]:
        wanted = [out / f"{path.name}-{name}" for name in ("lesion", "lung")]
        if (wanted[1] / FILE_NAME).exists():
            continue
        case, rng = load_case(path), np.random.default_rng([SEED, int(path.name.removeprefix("case-"))])
        for folder, centre in zip(wanted, (_lesion_centre(case, rng), _lung_centre(case, rng)), strict=True):
            if centre is not None:
                save_case(folder, box_of(case, centre, rng, held_out=held_out))
    return out


def case_numbers(folders: list[Path]) -> tuple[int, ...]:
    """The number of the case each box was cut from: boxes of one case are not independent."""
    return tuple(int(folder.name.split("-")[1]) for folder in folders)


def box_centre_ras_mm(box: PhantomCase) -> NDArray[np.float64]:
    """The middle of a box."""
    return apply_affine(box.volume.affine, (np.array(box.volume.shape) - 1) / 2)


def box_of(case: PhantomCase, centre_ijk: NDArray[np.float64], rng: np.random.Generator, *, held_out: bool) -> PhantomCase:
    """The cube of `FIELD_MM` and the jitter around a voxel, moved inside the volume, with its own report."""
    cube = _cube(case.volume, centre_ijk)
    affine = case.volume.affine.copy()
    affine[:3, 3] = apply_affine(affine, np.array([float(s.start) for s in cube]))
    organs = {name: mask[cube].copy() for name, mask in case.organs.items() if mask[cube].any()}
    told, cut = _findings(case, cube)
    voxel_ml = float(np.prod(case.volume.spacing_mm)) / 1000
    named = {name: mask for name, mask in organs.items() if mask.sum() * voxel_ml >= SMALLEST_NAMED_ML}
    sentences = tuple(
        sentence
        for sentence in describe(told, named, rng, held_out=held_out)
        if not (sentence.assertion == "absent" and sentence.kind in cut)
    )
    kept = {*ORGANS, *(sentence.organ for sentence in sentences)}
    return PhantomCase(
        Volume(case.volume.hu[cube].copy(), affine),
        Volume(case.twin.hu[cube].copy(), affine),
        told,
        sentences,
        {name: mask for name, mask in organs.items() if name in kept},
        report_text(sentences),
    )


def _cube(volume: Volume, centre_ijk: NDArray[np.float64]) -> Cube:
    spacing_mm = spacing_of(volume.affine)
    sizes = [min(n, round((FIELD_MM + 2 * JITTER_MM) / mm)) for n, mm in zip(volume.shape, spacing_mm, strict=True)]
    starts = [int(np.clip(round(c - s / 2), 0, n - s)) for c, s, n in zip(centre_ijk, sizes, volume.shape, strict=True)]
    i, j, k = (slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    return i, j, k


def _findings(case: PhantomCase, cube: Cube) -> tuple[tuple[PlacedFinding, ...], set[str]]:
    """The findings a report of the cube tells, cut to it, and the concepts of which too little is inside to tell or deny them."""
    voxel_ml = float(np.prod(case.volume.spacing_mm)) / 1000
    told, cut = [], set()
    for finding in case.findings:
        inside = finding.region[cube]
        held = int(inside.sum())
        if held * voxel_ml >= SMALLEST_LESION_ML or held >= LEAST_SHARE * finding.region.sum():
            told.append(replace(finding, region=inside.copy()))
        elif held:
            cut.add(finding.concept)
    return tuple(told), cut


def _lesion_centre(case: PhantomCase, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """A voxel near one of the case's larger lesions; None where it has none."""
    voxel_ml = float(np.prod(case.volume.spacing_mm)) / 1000
    lesions = [f for f in case.findings if f.concept in LESION_KINDS and f.region.sum() * voxel_ml >= SMALLEST_LESION_ML]
    if not lesions:
        return None
    voxels = np.argwhere(lesions[int(rng.integers(len(lesions)))].region)
    off_mm = rng.uniform(-OFF_CENTRE, OFF_CENTRE, 3) * FIELD_MM
    return np.asarray(voxels[int(rng.integers(len(voxels)))] + off_mm / np.array(case.volume.spacing_mm))


def _lung_centre(case: PhantomCase, rng: np.random.Generator) -> NDArray[np.float64]:
    voxels = np.argwhere(case.organs["lung"])
    return np.asarray(voxels[int(rng.integers(len(voxels)))], dtype=np.float64)


def boxes_in(folder: Path) -> Iterator[tuple[Path, PhantomCase]]:
    """All boxes of a folder, in order of name."""
    for path in sorted(file.parent for file in folder.glob(f"case-*/{FILE_NAME}")):
        yield path, load_case(path)
