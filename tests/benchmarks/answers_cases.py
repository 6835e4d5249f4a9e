"""Cases the table of drafts and answers is made on: generated ones by number, and those of another generator."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.io.read import read_labels, read_volume
from asap.lungs import SIDES, segment_lungs
from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase, generate_case
from asap.phantom.case_files import FILE_NAME, load_case
from asap.report import Side
from asap.text.read import read_sentence
from asap.text.statements import LOBES, WORDINGS, in_lung
from asap.volume import Volume, apply_affine
from asap_training.tasks.answer_scores import Told, sides_of

FIRST_SEED = 40_000


@dataclass(frozen=True, eq=False)
class AnswerCase:
    """A case and its truth. vanished: findings that its twin lacks."""

    case: PhantomCase
    vanished: frozenset[Told]


@dataclass(frozen=True, eq=False)
class CaseSet:
    """Cases by number, 0 up to `count`. load may be asked twice for one."""

    count: int
    load: Callable[[int], AnswerCase]

    def features(self, engine: Engine, number: int) -> StudyFeatures:
        """Features of a case's volume, from the engine's store where it was encoded before."""
        return engine.encode(self.load(number % self.count).case.volume)


def generated(count: int, folder: Path | None) -> CaseSet:
    """Cases of seeds 40000 and up, drawn as they come; from a folder of `asap-train generate` where they are there."""

    @lru_cache(maxsize=4)
    def load(number: int) -> AnswerCase:
        seed = FIRST_SEED + number
        kept = None if folder is None else folder / f"case-{seed:07d}"
        case = load_case(kept) if kept is not None and (kept / FILE_NAME).is_file() else generate_case(seed)
        return AnswerCase(case, frozenset((f.concept, side) for f in case.findings for side in sides_of(f)))

    return CaseSet(count, load)


def judged(folder: Path) -> CaseSet:
    """The cases of another generator; their twins lack the lesions of the lungs and nothing else."""
    paths = sorted(folder.glob("case_*"))
    return CaseSet(len(paths), lru_cache(maxsize=4)(lambda number: _judge_case(paths[number])))


def _judge_case(path: Path) -> AnswerCase:
    volume, twin = read_volume(path / "ct.nii.gz"), read_volume(path / "twin.nii.gz")
    findings: list[PlacedFinding] = []
    vanished: set[Told] = set()
    for row in json.loads((path / "case.json").read_text())["sentences"]:
        sentence = read_sentence(row["text"])
        concept = next((f.concept for f in sentence.findings if f.concept in WORDINGS and f.assertion == "present"), None)
        if concept is None:
            continue
        mask, _ = read_labels(path / row["region"])
        anatomy = next((key for key in sentence.anatomy if key in LOBES["right"]), None) if in_lung(concept) else None
        side: Side | None = sentence.laterality
        findings.append(PlacedFinding(concept, side, anatomy, None, mask > 0, 0.0))
        if row["lesion_absent_in_twin"]:
            vanished.update((concept, where) for where in sides_of(findings[-1]))
    return AnswerCase(PhantomCase(volume, twin, tuple(findings), (), _lungs(volume), ""), frozenset(vanished))


def _lungs(volume: Volume) -> dict[str, NDArray[np.bool_]]:
    """Aerated lung of each side on the volume's own grid, where a patch may be laid: by the classical masks."""
    lungs = segment_lungs(volume)
    centres = apply_affine(volume.affine, np.moveaxis(np.indices(volume.shape), 0, -1).astype(np.float64))
    index = np.rint(apply_affine(np.linalg.inv(lungs.affine), centres)).astype(np.int64)
    held = ((index >= 0) & (index < lungs.body.shape)).all(axis=-1)
    i, j, k = np.moveaxis(np.where(held[..., None], index, 0), -1, 0)
    return {f"{side}_lung": held & lungs.mask(side)[i, j, k] for side in SIDES}
