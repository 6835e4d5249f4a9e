"""Score sentence grounding, the model beside a baseline that has learnt nothing.

On generated cases with unseen seeds and wordings, on the judge cases of another generator, and on generated lesions implanted
into a real chest CT; then whether the peak follows when a sentence's side is exchanged.

asap-train benchmark [--model asap-mini] [--generated DIR] [--judge DIR] [--implants COUNT] [--bilateral COUNT]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from asap.errors import InputError
from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.phantom.case import PhantomCase, generate_case, retold
from asap.phantom.case_files import FILE_NAME, load_case
from asap_training.arguments import ended_in_one_sentence
from asap_training.data.backgrounds import Role, backgrounds, reference_folder
from asap_training.data.implants import implanted
from asap_training.grounding_score import encode_cases, score
from asap_training.pace import Pace
from asap_training.scoring_cases import ScoringCase, generated_case, judge_cases
from asap_training.side_swap import side_swap_lines
from asap_training.study_scores import study_table
from asap_training.tasks.classical_baseline import ClassicalBaseline
from asap_training.tasks.grounding_table import table

SCORING_STREAM = 2
BILATERAL_SEEDS = range(9_000_000, 9_000_110)
IMPLANT_SEEDS = range(9_100_000, 9_101_000)


def generated_cases(folder: Path) -> list[ScoringCase]:
    """Stored cases told in the wordings that were kept from training. InputError for a folder without any."""
    cases = []
    for path in stored(folder):
        rng = np.random.default_rng([int(path.name.removeprefix("case-")), SCORING_STREAM])  # not the wordings of calibration
        cases.append(generated_case(path.name, retold(load_case(path), rng, held_out_phrasing=True)))
    return cases


def stored(folder: Path) -> list[Path]:
    """The folders of generated cases. InputError where there are none."""
    paths = sorted(path.parent for path in folder.glob(f"case-*/{FILE_NAME}"))
    if not paths:
        raise InputError("There are no generated cases in the folder of --generated; run `asap-train generate` first.")
    return paths


def implanted_cases(reference: Path, role: Role, count: int) -> list[ScoringCase]:
    """`count` examinations over the real backgrounds of a role, told in the wordings that were kept from training."""
    real = backgrounds(reference, role)
    cases = []
    for number in range(count):
        background = real[number % len(real)]
        seed = IMPLANT_SEEDS[number]
        cases.append(generated_case(f"{background.name} {seed}", implanted(background, seed, held_out_phrasing=True)))
    return cases


def grounding(engine: Engine, name: str, cases: list[ScoringCase]) -> str:
    """The tables of one set of cases: the model's, then the baseline's."""
    baseline = Engine(ClassicalBaseline())
    tables = [
        f"{name}: {len(cases)} cases, {e.grounder.name}\n{table(score(e, encode_cases(e, cases)))}" for e in (engine, baseline)
    ]
    return "\n\n".join(tables)


def swapped_cases(count: int) -> Iterator[PhantomCase]:
    """Cases with a nodule in each lung, made one at a time."""
    pace = Pace(count, "Exchanging sides")
    for seed in BILATERAL_SEEDS[:count]:
        yield generate_case(seed, bilateral="nodule", held_out_phrasing=True)
        pace.one_more()


def parse() -> argparse.Namespace:
    """The command line."""
    reference = os.environ.get("ASAP_REFERENCE_DATA")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="asap-mini", help="name, or folder of weights; by default asap-mini")
    parser.add_argument("--generated", type=Path, help="folder of generated cases that were not trained on")
    parser.add_argument(
        "--judge",
        type=Path,
        default=Path(reference) / "judge_cases" if reference else None,
        help="folder of cases of another generator; by default those of the reference material, where that is set",
    )
    parser.add_argument(
        "--bilateral", type=int, default=len(BILATERAL_SEEDS), help="cases of the side swap, by default 110; 0 leaves it out"
    )
    parser.add_argument("--implants", type=int, default=0, help="cases of generated lesions in a real CT (reference material)")
    parser.add_argument(
        "--implants-in", choices=["test", "select"], default="test", help="real CTs to report on, or to choose on"
    )
    return parser.parse_args()


def main() -> None:
    """Print the tables of what is at hand."""
    arguments = parse()
    with ended_in_one_sentence():
        run(arguments)


def run(arguments: argparse.Namespace) -> None:
    """Score and print. Raises InputError for a model or cases that are not there."""
    engine = load_engine(arguments.model)
    if arguments.implants:
        cases = implanted_cases(reference_folder(), arguments.implants_in, arguments.implants)
        print(grounding(engine, f"Generated lesions in a real CT ({arguments.implants_in})", cases))
    if arguments.judge is not None:
        judged = list(judge_cases(arguments.judge))
        if not judged:
            raise InputError("There are no judge cases in the folder of --judge.")
        print(grounding(engine, "Judge cases (another generator)", judged))
    if arguments.generated is not None:
        print(grounding(engine, "Generated cases, unseen seeds and wordings", generated_cases(arguments.generated)))
        whole = (load_case(path) for path in stored(arguments.generated))
        studies = study_table(Path(arguments.model), whole) if Path(arguments.model).is_dir() else None
        if studies is not None:
            print(f"\n{studies}")
    if arguments.bilateral > 0:
        print("\n".join(side_swap_lines(engine, swapped_cases(min(arguments.bilateral, len(BILATERAL_SEEDS))))))


if __name__ == "__main__":
    main()
