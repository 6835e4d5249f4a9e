"""Fit the curves of the findings to a model and its finding head: what `asap classify`, `ask` and `report` read presence at.

asap-train finetune findings --cases DIR [DIR ...] --cells DIR [--twins N] [--model asap-mini] [--out FOLDER]

The cases must be of seeds that neither trunk nor head has seen. Volumes are encoded once; then it is seconds.
Axes: M cells of a volume, K findings, V volumes.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from asap.errors import InputError
from asap.inference.calibration import best_mean
from asap.inference.finding_curves import FILE_NAME, Line, PresenceCurve, curves_as_json
from asap.inference.load import load_engine
from asap.io.atomic import write_bytes
from asap.models.catalog import model_folder
from asap.models.load_finding_head import finding_head_folder
from asap.phantom.findings import choose_concepts
from asap.text.statements import WORDINGS
from asap_training.finding_cells import CONCEPTS, VolumeCells, prepared
from asap_training.tasks.statistics import auroc

LICENCE = "Apache-2.0"
FEWEST = 5  # places with a finding before anything is fitted to it
NATURAL_SHARE = 0.25  # of the weight of "not there" that other chests have, where somebody asks; the rest are twins
DRAWN_CASES = 20_000  # that tell how often the generator places a finding
LOOSE = 10.0  # inverse strength of the regularisation
SIDED_K = np.array([WORDINGS[concept].seat in ("lung", "pleura") for concept in CONCEPTS])


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence for one finding. there: in places that have it. without: in places of other chests. twins: in emptied chests."""

    there: NDArray[np.float64]
    without: NDArray[np.float64]
    twins: NDArray[np.float64]


def evidence_of(volume: VolumeCells) -> NDArray[np.float64]:
    """Mean of the best few cells on the left and on the right, [K, 2]; of all cells, twice, for findings without a side."""
    stated_MK, right = torch.from_numpy(volume.stated_MK).float(), torch.from_numpy(volume.right_M)
    left_K, right_K, all_K = (best_mean(stated_MK[rows].T) for rows in (~right, right, slice(None)))
    sided_K = torch.from_numpy(SIDED_K)
    sides = [torch.where(sided_K, side_K, all_K) for side_K in (left_K, right_K)]
    return np.asarray(torch.stack(sides, dim=1).double().numpy())


def gathered(k: int, evidence_VK2: NDArray[np.float64], volumes: list[VolumeCells]) -> Evidence:
    """What is known of finding k: each side is a place of its own where it has one."""
    sides = slice(0, 2) if SIDED_K[k] else slice(0, 1)
    x_V2 = evidence_VK2[:, k, sides]
    present_V2 = np.stack([volume.present_K2[k] for volume in volumes])[:, sides]
    twin_V = np.array([volume.twin for volume in volumes])
    without_V2 = ~present_V2 & ~twin_V[:, None]
    return Evidence(x_V2[present_V2], x_V2[without_V2], x_V2[twin_V].ravel())


def fitted(evidence: Evidence, frequency: float) -> PresenceCurve | None:
    """Both curves; None for a finding that was seen too rarely or whose evidence says nothing.

    frequency: share of places that have it where nobody asked.
    """
    if min(len(evidence.there), len(evidence.twins)) < FEWEST:
        return None
    asked = _line(evidence.there, [(evidence.twins, 1.0 - NATURAL_SHARE), (evidence.without, NATURAL_SHARE)])
    unasked = _line(evidence.there, [(evidence.without, 1.0)])
    if min(asked.slope, unasked.slope) <= 0.0:  # more evidence never means less: what the model cannot see has no probability
        return None
    prior = math.log(frequency / (1.0 - frequency))
    return PresenceCurve(asked, Line(unasked.slope, unasked.offset + prior))


def _line(there: NDArray[np.float64], absent: list[tuple[NDArray[np.float64], float]]) -> Line:
    """Logistic regression at even odds: what is there weighs as much as all that is not."""
    x = np.concatenate([there, *(values for values, _ in absent)])
    weight = np.concatenate([np.ones(len(there)), *(np.full(len(v), share * len(there) / len(v)) for v, share in absent)])
    y = np.arange(len(x)) < len(there)
    curve = LogisticRegression(C=LOOSE).fit(x[:, None], y, sample_weight=weight)
    return Line(float(curve.coef_[0, 0]), float(curve.intercept_[0]))


def frequencies(volumes: list[VolumeCells]) -> NDArray[np.float64]:
    """Share of places that have each finding in cases drawn as they come, [K], however the fitted ones were drawn.

    How often a case has it is the generator's; on how many sides, if it has it, is counted in the volumes.
    """
    drawn = [choose_concepts(np.random.default_rng(seed)) for seed in range(DRAWN_CASES)]
    frequency_K = np.zeros(len(CONCEPTS))
    for k, concept in enumerate(CONCEPTS):
        present_V2 = np.stack([volume.present_K2[k] for volume in volumes])
        having = present_V2[present_V2.any(axis=1)]
        frequency_K[k] = np.mean([concept in chosen for chosen in drawn]) * (having.mean() if len(having) else 1.0)
    return frequency_K


def main() -> None:
    """Encode, fit, write."""
    parser = argparse.ArgumentParser(description="Fit the curves of the findings to a model.")
    parser.add_argument("--cases", type=Path, nargs="+", required=True, help="generated cases of seeds the trunk has not seen")
    parser.add_argument("--model", default="asap-mini")
    parser.add_argument("--cells", type=Path, required=True, help="where encoded cells are kept, for the next run")
    parser.add_argument("--twins", type=int, default=60, help="of how many cases the twin is looked at too")
    parser.add_argument("--out", type=Path, help="by default beside the weights the evidence comes from")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    engine = load_engine(arguments.model)
    cases = [path for folder in arguments.cases for path in sorted(folder.glob("case-*")) if (path / "case.npz").is_file()]
    if not cases:
        raise InputError("There are no generated cases in the folders of --cases; run `asap-train generate` first.")
    volumes = list(prepared(engine, cases, arguments.cells, arguments.twins))
    grounder = engine.grounder
    head_folder = finding_head_folder(grounder.name, grounder.weights_sha256)
    digest = grounder.weights_sha256 if grounder.finding_head is None else grounder.finding_head.weights_sha256
    write_curves(volumes, digest, arguments.out or head_folder or model_folder(arguments.model))


def write_curves(volumes: list[VolumeCells], weights_sha256: str, out: Path) -> None:
    """Fit, say how well each finding is told, and write."""
    evidence_VK2 = np.stack([evidence_of(volume) for volume in volumes])
    frequency_K = frequencies(volumes)
    curves = {}
    for k, concept in enumerate(CONCEPTS):
        evidence = gathered(k, evidence_VK2, volumes)
        curve = fitted(evidence, float(frequency_K[k]))
        others, emptied = (auroc(evidence.there, absent) for absent in (evidence.without, evidence.twins))
        told = "" if curve is not None else ", no curve"
        print(
            f"{concept:24} n {len(evidence.there):4d}  AUROC against other chests {others:.3f}, against twins {emptied:.3f}{told}"
        )
        if curve is not None:
            curves[concept] = curve
    twins = sum(volume.twin for volume in volumes)
    source = (
        f"Curves fitted by asap_training.fit_findings on {len(volumes) - twins} generated chest CTs and {twins} of their twins; "
        "no patient data."
    )
    data = curves_as_json(curves, weights_sha256=weights_sha256, source=source, licence=LICENCE)
    write_bytes(out / FILE_NAME, data, "curves of the findings")
    print(f"{len(volumes)} volumes, {len(curves)} findings with a curve")


if __name__ == "__main__":
    main()
