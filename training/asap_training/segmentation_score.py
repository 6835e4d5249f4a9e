"""Score segmentation end to end through the engine: organs, lesions unasked, by their sentence, and against simulated users.

asap-train segmentation-score [--cases DIR] [--judge DIR] [--real CT MASK ...] [--users N] --out DIR
A user clicks the deepest voxel of the largest error component, sees the answer, and clicks again; Dice is per lesion on the
whole volume, without a box. Beside the model the same user drives region growing.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from asap.errors import AsapError, InputError
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.lesions import LesionSegmenter
from asap.inference.load import load_engine
from asap.io.atomic import write_bytes
from asap.io.read import read_labels, read_volume
from asap.phantom.case import ORGANS, PhantomCase
from asap.phantom.case_files import load_case
from asap.prompt import Prompt
from asap.segment_types import ORGANS as ORGAN_TYPES
from asap.segmentation import Segment, dice
from asap.text.read import read_sentence
from asap.volume import Volume
from asap_training.arguments import ended_in_one_sentence, positive
from asap_training.click_curve import curve_png
from asap_training.pace import Pace
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


def generated_rows(engine: Engine, folder: Path, lesions_left: int) -> list[Score]:
    """All that is scored of a generated case, of `lesions_left` lesions at most."""
    case, number = load_case(folder), int(folder.name[-7:])
    rows = list(organ_scores(engine, case, number, [key for key in SCORED_ORGANS if key in engine.organs.known]))
    anything = np.any([f.region for f in case.findings], axis=0) if case.findings else np.zeros(case.volume.shape, bool)
    return rows + lesion_scores(engine, case.volume, number, generated_lesions(case)[:lesions_left], anything)


def judge_rows(engine: Engine, folder: Path, lesions_left: int) -> list[Score]:
    """The same of a case of another generator."""
    volume, lesions, anything = judge_case(folder)
    return lesion_scores(engine, volume, int(folder.name[-6:]), lesions[:lesions_left], anything)


def real_rows(engine: Engine, image: Path, mask: Path, number: int) -> list[Score]:
    """The same of a real tumour somebody outlined; nothing of it has a sentence, and other lesions beside it are not known."""
    volume, region = read_volume(image), read_labels(mask)[0] > 0
    return lesion_scores(engine, volume, number, [Lesion("mass", region, None)], np.ones(volume.shape, dtype=np.bool_))


def kept(path: Path, score: Callable[[], list[Score]]) -> list[Score]:
    """The scores an earlier run left, or new ones, which are then kept."""
    if not path.exists():
        write_bytes(path, json.dumps([asdict(row) for row in score()]).encode(), "scores")
    return [Score(**row) for row in json.loads(path.read_text())]


def main() -> None:
    """Parse the arguments, score what is left, write scores.json and the curve, print the table."""
    parser = argparse.ArgumentParser(description="Score segmentation on generated and judge cases, and on real tumours.")
    parser.add_argument("--cases", type=Path, help="folder of generated cases no training has seen")
    parser.add_argument("--judge", type=Path, help="folder of cases of another generator")
    parser.add_argument(
        "--real", type=Path, nargs=2, action="append", default=[], metavar=("CT", "MASK"), help="may be given again"
    )
    parser.add_argument("--users", type=positive, default=100, help="lesions at most, each with its user")
    parser.add_argument("--limit", type=positive, default=1000, help="cases at most")
    parser.add_argument(
        "--out", type=Path, required=True, help="what is scored is kept here: the command goes on where it stopped"
    )
    with ended_in_one_sentence():
        run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    """Score what is left and write. Raises InputError where there is nothing to score."""
    torch.set_num_threads(1)
    engine, folder = load_engine("asap-mini"), arguments.out / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Score] = []
    found = [(generated_rows, path) for path in sorted(arguments.cases.glob("case-*"))] if arguments.cases else []
    found += [(judge_rows, path) for path in sorted(arguments.judge.glob("case_*"))] if arguments.judge else []
    if not found and not arguments.real:
        raise InputError("There is nothing to score: name generated cases (--cases), judge cases (--judge) or a CT and its mask.")
    pace = Pace(min(len(found), arguments.limit), "Scoring")
    for score, path in found[: arguments.limit]:
        left = arguments.users - sum(row.how == "model 1" for row in rows)
        rows += kept(folder / f"{path.name}.json", partial(score, engine, path, left))
        pace.one_more()
    for number, (image, mask) in enumerate(arguments.real):
        try:
            rows += kept(folder / f"real-{image.stem}.json", partial(real_rows, engine, image, mask, number))
        except AsapError as error:
            print(f"real CT {number + 1} is left out: {error}")
    if not rows:
        raise InputError("Nothing was scored: no case has a lesion, and no real CT could be read.")
    write_bytes(arguments.out / "scores.json", json.dumps([asdict(row) for row in rows]).encode(), "scores")
    curve_png([(row.case, row.how, row.dice) for row in rows], CLICKS, arguments.out / "clicks.png")
    print(table(rows))


if __name__ == "__main__":
    main()
