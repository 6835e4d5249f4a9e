"""A pool of generated cases with labels, on the embedded model's grid: what the learning benchmarks draw from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file

from asap.inference.engine import Engine
from asap.phantom.case import generate_case
from asap_training.data.labelled_cases import LabelledCase, case_tensors

ORGANS = ("heart", "aorta", "liver", "trachea")
LESIONS = ("mass", "consolidation", "ground_glass")
LABELS = (*ORGANS, "lesion")
FIRST_SEED = 80_000
TEST_SEED = 90_000


def labelled_pool(engine: Engine, work: Path, count: int, first_seed: int = FIRST_SEED) -> list[LabelledCase]:
    """`count` cases from consecutive seeds, made once and kept in `work`."""
    work.mkdir(parents=True, exist_ok=True)
    cases = []
    for seed in range(first_seed, first_seed + count):
        path = work / f"pool-{seed}.safetensors"
        if not path.exists():
            save_file(_made(engine, seed), path)
            print(f"made case {seed - first_seed + 1} of {count}", flush=True)
        held = load_file(path)
        cases.append(LabelledCase(f"{seed:032x}", str(seed), held["hu"], held["cells"], held["labels"]))
    return cases


def without_label(case: LabelledCase) -> LabelledCase:
    """The same case before anybody drew on it."""
    return LabelledCase(case.name, case.image, case.hu, case.cells_CABC, None)


def _made(engine: Engine, seed: int) -> dict[str, object]:
    case = generate_case(seed, required=(LESIONS[seed % len(LESIONS)],))
    labels = np.zeros(case.volume.shape, dtype=np.int16)
    for value, organ in enumerate(ORGANS, start=1):
        labels[case.organs[organ]] = value
    for finding in case.findings:
        if finding.concept in LESIONS:
            labels[finding.region] = len(LABELS)
    return case_tensors(engine, case.volume, (labels, case.volume.affine))  # type: ignore[return-value]
