"""Benchmarks. For now: sentence grounding, on the judge cases, on generated cases with unseen seeds and wordings, and on
generated lesions implanted into a real chest CT; the model beside a baseline that has learnt nothing.

asap-train benchmark [--model asap-mini] [--generated DIR] [--judge DIR] [--implants COUNT]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.phantom.case import generate_case, retold
from asap.phantom.case_files import load_case
from asap_training.data.backgrounds import Role, backgrounds
from asap_training.data.implants import implanted
from asap_training.grounding_score import encode_cases, score
from asap_training.scoring_cases import ScoringCase, generated_case, judge_cases
from asap_training.side_swap import side_swap_lines
from asap_training.study_scores import study_table
from asap_training.tasks.classical_baseline import ClassicalBaseline
from asap_training.tasks.grounding_table import table

SCORING_STREAM = 2
BILATERAL_SEEDS = range(9_000_000, 9_000_110)
IMPLANT_SEEDS = range(9_100_000, 9_101_000)


def generated_cases(folder: Path) -> list[ScoringCase]:
    """Stored cases told in the wordings that were kept from training."""
    cases = []
    for path in sorted(folder.glob("case-*")):
        rng = np.random.default_rng([int(path.name.removeprefix("case-")), SCORING_STREAM])  # not the wordings of calibration
        cases.append(generated_case(path.name, retold(load_case(path), rng, held_out_phrasing=True)))
    return cases


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


def main() -> None:
    """Print the tables of what is at hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="asap-mini")
    parser.add_argument("--generated", type=Path, help="folder of generated cases that were not trained on")
    reference = os.environ.get("ASAP_REFERENCE_DATA")
    parser.add_argument("--judge", type=Path, default=Path(reference) / "judge_cases" if reference else None)
    parser.add_argument("--bilateral", type=int, default=len(BILATERAL_SEEDS), help="cases of the side swap")
    parser.add_argument("--implants", type=int, default=0, help="cases of generated lesions in a real CT (reference material)")
    parser.add_argument(
        "--implants-in", choices=["test", "select"], default="test", help="real CTs to report on, or to choose on"
    )
    arguments = parser.parse_args()
    engine = load_engine(arguments.model)
    if arguments.implants:
        if reference is None:
            raise SystemExit("Implants need the reference material; set ASAP_REFERENCE_DATA to its folder.")
        cases = implanted_cases(Path(reference), arguments.implants_in, arguments.implants)
        print(grounding(engine, f"Generated lesions in a real CT ({arguments.implants_in})", cases))
    if arguments.judge is not None:
        print(grounding(engine, "Judge cases (another generator)", list(judge_cases(arguments.judge))))
    if arguments.generated is not None:
        print(grounding(engine, "Generated cases, unseen seeds and wordings", generated_cases(arguments.generated)))
        whole = (load_case(path) for path in sorted(arguments.generated.glob("case-*")))
        studies = study_table(Path(arguments.model), whole) if Path(arguments.model).is_dir() else None
        if studies is not None:
            print(f"\n{studies}")
    swapped = [generate_case(seed, bilateral="nodule", held_out_phrasing=True) for seed in BILATERAL_SEEDS[: arguments.bilateral]]
    if swapped:
        print("\n".join(side_swap_lines(engine, swapped)))


if __name__ == "__main__":
    main()
