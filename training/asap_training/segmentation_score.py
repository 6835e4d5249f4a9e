"""Score segmentation end to end through the engine: organs, lesions unasked, by their sentence, and against simulated users.

asap-train segmentation-score --cases DIR [--judge DIR] [--users N] --out DIR
A user clicks the deepest voxel of the largest error component, sees the answer, and clicks again; Dice is per lesion on the
whole volume, without a box. Beside the model the same user drives region growing.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.lesions import LesionSegmenter
from asap.inference.load import load_engine
from asap.io.read import read_labels, read_volume
from asap.phantom.case import ORGANS, PhantomCase
from asap.phantom.case_files import load_case
from asap.prompt import Prompt
from asap.segment_types import ORGANS as ORGAN_TYPES
from asap.segmentation import Segment, dice
from asap.text.read import read_sentence
from asap.volume import Volume
from asap_training.scoring_cases import JUDGE_CONCEPTS
from asap_training.simulated_clicks import Mask, next_click
from asap_training.tasks.statistics import bootstrap_by_case

CLICKS = 5
SMALLEST_ML = 1.0
SCORED = ("nodule", "calcified_nodule", "mass", "cavity", "consolidation", "ground_glass", "atelectasis", "pleural_effusion")
SCORED_ORGANS = (
    "right_lung", "left_lung", "right_upper_lobe", "right_middle_lobe", "right_lower_lobe", "left_upper_lobe",
    "left_lower_lobe", "heart", "aorta", "trachea", "airway", "spine", "liver",
)  # fmt: skip


@dataclass(frozen=True)
class Score:
    """One Dice. how: "organ", "unasked", "sentence", "model 3", "growing 3" (after so many clicks). case: its number."""

    case: int
    what: str
    how: str
    dice: float


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion of a case: what it is, where, and a sentence that says so."""

    concept: str
    region: Mask
    sentence: str | None


def organ_scores(engine: Engine, case: PhantomCase, number: int, keys: Sequence[str]) -> Iterator[Score]:
    """Dice of each organ the case has."""
    found = engine.segment(case.volume, keys)
    for key in keys:
        truth = case.organs.get(key)
        if key == "heart" and truth is not None and "pericardium" in case.organs:
            truth = truth | case.organs["pericardium"]
        if truth is not None and key in ORGANS:
            yield Score(number, key, "organ", dice(found.mask(ORGAN_TYPES[key].label), truth))


def unasked_scores(engine: Engine, volume: Volume, number: int, lesions: Sequence[Lesion], anything: Mask) -> Iterator[Score]:
    """Each lesion's best segment, and how many segments lie where there is nothing at all ("false")."""
    segments = engine.segment(volume, ("lesions",)).segments
    masks = [whole(segment, volume) for segment in segments]
    for lesion in lesions:
        yield Score(number, lesion.concept, "unasked", max([dice(mask, lesion.region) for mask in masks], default=0.0))
    yield Score(number, "false segments", "false", float(sum(not (mask & anything).any() for mask in masks)))


def user_scores(
    lesions: LesionSegmenter, features: StudyFeatures, volume: Volume, number: int, lesion: Lesion, *, how: str
) -> Iterator[Score]:
    """Dice after each click of a simulated user."""
    prompt, answer = None, np.zeros(volume.shape, dtype=np.bool_)
    for clicks in range(1, CLICKS + 1):
        click = next_click(answer, lesion.region)
        if click is not None:
            r, a, s = (float(x) for x in volume.world_from_voxel(np.asarray(click.voxel, dtype=np.float64)))
            if prompt is None:
                prompt = Prompt(include=((r, a, s),))
            elif click.inside:
                prompt = replace(prompt, include=(*prompt.include, (r, a, s)))
            else:
                prompt = replace(prompt, exclude=(*prompt.exclude, (r, a, s)))
            segment = lesions.segment(volume, features, prompt)
            prompt = replace(prompt, previous=segment)
            answer = whole(segment, volume)
        yield Score(number, lesion.concept, f"{how} {clicks}", dice(answer, lesion.region))


def sentence_score(engine: Engine, features: StudyFeatures, volume: Volume, number: int, lesion: Lesion) -> Iterator[Score]:
    """Dice of the segment a sentence leads to; nothing for a lesion without one."""
    if lesion.sentence is None:
        return
    grounding = engine.ground(features, [read_sentence(lesion.sentence)])[0]
    if grounding.heatmap is not None:
        segment = engine.segment_prompted(volume, features, Prompt(grounding=grounding))
        yield Score(number, lesion.concept, "sentence", dice(whole(segment, volume), lesion.region))


def whole(segment: Segment | None, volume: Volume) -> Mask:
    """A segment's mask on the whole volume."""
    out = np.zeros(volume.shape, dtype=np.bool_)
    if segment is not None:
        out[segment.box] = segment.mask
    return out


def generated_lesions(case: PhantomCase) -> list[Lesion]:
    """The lesions scored of a generated case; a sentence that speaks of one lesion only is its own."""
    voxel_ml = abs(float(np.linalg.det(case.volume.affine[:3, :3]))) / 1000
    told = {s.findings[0]: s.text for s in case.sentences if len(s.findings) == 1 and s.assertion == "present"}
    return [
        Lesion(finding.concept, finding.region, told.get(number))
        for number, finding in enumerate(case.findings)
        if finding.concept in SCORED and finding.region.sum() * voxel_ml >= SMALLEST_ML
    ]


def judge_case(folder: Path) -> tuple[Volume, list[Lesion], Mask]:
    """A case of another generator: its volume, the lesions scored, and where there is anything at all."""
    volume, lesions = read_volume(folder / "ct.nii.gz"), []
    anything = np.zeros(volume.shape, dtype=np.bool_)
    for row in json.loads((folder / "case.json").read_text())["sentences"]:
        concept = JUDGE_CONCEPTS.get(row["finding"], row["finding"])
        region = read_labels(folder / row["region"])[0] > 0 if row.get("region") else None
        if region is not None and row["image_dependent"]:
            anything |= region
            if concept in SCORED and row["ml"] >= SMALLEST_ML:
                lesions.append(Lesion(concept, region, row["text"]))
    return volume, lesions, anything


def lesion_scores(engine: Engine, volume: Volume, number: int, lesions: Sequence[Lesion], anything: Mask) -> list[Score]:
    """All that is scored of one case's lesions."""
    features = engine.encode(volume)
    growing = replace(engine.lesions, heads=None)
    rows = list(unasked_scores(engine, volume, number, lesions, anything)) if engine.lesions.heads is not None else []
    for lesion in lesions:
        rows += sentence_score(engine, features, volume, number, lesion)
        rows += user_scores(engine.lesions, features, volume, number, lesion, how="model")
        rows += user_scores(growing, features, volume, number, lesion, how="growing")
    return rows


def table(scores: Sequence[Score]) -> str:
    """Mean Dice by what was asked, with an interval over cases, and its rows by kind."""
    lines = []
    groups: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for score in scores:
        groups[score.how, "all"].append(score)
        groups[score.how, score.what].append(score)
    for (how, what), rows in groups.items():
        values = np.array([row.dice for row in rows])
        low, high = bootstrap_by_case([row.case for row in rows], lambda n, v=values: float(v[n].mean()))
        lines.append(f"{how:10} {what:20} n {len(rows):4}  {values.mean():.3f} [{low:.3f}, {high:.3f}]")
    return "\n".join(sorted(lines))


def main() -> None:
    """Parse the arguments, score, write scores.json and print the table."""
    parser = argparse.ArgumentParser(description="Score segmentation on generated and judge cases.")
    parser.add_argument("--cases", type=Path, help="folder of generated cases no training has seen")
    parser.add_argument("--judge", type=Path, help="folder of cases of another generator")
    parser.add_argument("--users", type=int, default=100, help="lesions at most, each with its user")
    parser.add_argument("--limit", type=int, default=1000, help="cases at most")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    engine, rows, users = load_engine("asap-mini"), [], 0
    for folder in sorted(arguments.cases.glob("case-*"))[: arguments.limit] if arguments.cases else ():
        case, number = load_case(folder), int(folder.name[-7:])
        rows += organ_scores(engine, case, number, [key for key in SCORED_ORGANS if key in engine.organs.known])
        lesions = generated_lesions(case)[: arguments.users - users]
        users += len(lesions)
        anything = np.any([f.region for f in case.findings], axis=0) if case.findings else np.zeros(case.volume.shape, bool)
        rows += lesion_scores(engine, case.volume, number, lesions, anything)
    for folder in sorted(arguments.judge.glob("case_*"))[: arguments.limit] if arguments.judge else ():
        rows += lesion_scores(engine, *_renumbered(folder))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "scores.json").write_text(json.dumps([asdict(row) for row in rows]))
    print(table(rows))


def _renumbered(folder: Path) -> tuple[Volume, int, list[Lesion], Mask]:
    volume, lesions, anything = judge_case(folder)
    return volume, int(folder.name[-6:]), lesions, anything


if __name__ == "__main__":
    main()
