"""Drafted reports and answered questions on generated cases with unseen seeds: `python -m tests.benchmarks.answers [--cases N]`.

Prints finding F1, presence on twins, location, size, calibration, the same questions on another patient, painted-out findings.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from asap.errors import NotChestError
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.load import load_engine
from asap.phantom.case import PhantomCase, generate_case
from asap.phantom.case_files import load_case
from asap.phantom.sentences import LUNG_CONCEPTS
from asap.volume import Volume
from asap_training.tasks import answer_scores as scores
from asap_training.tasks.statistics import bootstrap_by_case, expected_calibration_error

FIRST_SEED = 7_500_000
PATCHED = frozenset({"nodule", "mass", "consolidation", "ground_glass"})


def cases(count: int, folder: Path | None) -> list[PhantomCase]:
    """The held-out cases, from a folder of `asap-train generate` where one is named."""
    if folder is not None:
        return [load_case(path) for path in sorted(folder.glob("case-*"))[:count]]
    return [generate_case(seed) for seed in range(FIRST_SEED, FIRST_SEED + count)]


def encoded(engine: Engine, volume: Volume) -> StudyFeatures | None:
    """Features, or None when the volume is refused."""
    try:
        return engine.encode(volume)
    except NotChestError:
        return None


def share(name: str, rows: list, right: list[bool]) -> str:
    """A proportion with its interval by case."""
    if not rows:
        return f"{name:52} n    0"
    values = np.array(right, dtype=float)
    low, high = bootstrap_by_case([row.case for row in rows], lambda index: float(values[index].mean()))
    return f"{name:52} n {len(rows):4d}  {values.mean():.3f} [{low:.3f}, {high:.3f}]"


class Tables:
    """Rows gathered case by case."""

    def __init__(self, engine: Engine, painted: int) -> None:
        self.engine, self.painted = engine, painted
        self.drafts: list[scores.DraftRow] = []
        self.asked: list[scores.AskedRow] = []
        self.elsewhere: list[scores.AskedRow] = []
        self.places: list[scores.PlaceRow] = []
        self.fallen: list[bool] = []
        self.unmoved: list[bool] = []
        self._previous: StudyFeatures | None = None

    def add(self, number: int, case: PhantomCase) -> None:
        """Score one case."""
        features, twin = encoded(self.engine, case.volume), encoded(self.engine, case.twin)
        if features is None or twin is None:
            return
        self.drafts += scores.draft_rows(number, self.engine.draft(features).text(), case)
        self.asked += scores.asked_rows(self.engine, number, case, features, there=True)
        self.asked += scores.asked_rows(self.engine, number, case, twin, there=False)
        self.places += scores.place_rows(self.engine, number, case, features)
        if self._previous is not None:
            for there in (True, False):  # one answer for both: the other patient knows neither case nor twin
                self.elsewhere += scores.asked_rows(self.engine, number, case, self._previous, there=there)
        self._previous = features
        if len(self.fallen) < self.painted:
            self._paint(number, case, features)

    def _paint(self, number: int, case: PhantomCase, features: StudyFeatures) -> None:
        kinds = [f.concept for f in case.findings]
        for finding in (f for f in case.findings if f.concept in PATCHED & LUNG_CONCEPTS and kinds.count(f.concept) == 1):
            question = scores.question_of(finding.concept, finding.side)
            before = self.engine.ask(features, question).evidence[0].probability
            elsewhere = scores.patched_elsewhere(case, finding, np.random.default_rng(number))
            if before is None or before < 0.5 or elsewhere is None:
                continue
            for volume, row in ((scores.painted_out(case, finding), self.fallen), (elsewhere, self.unmoved)):
                after = encoded(self.engine, volume)
                if after is not None:
                    row.append(scores.noticed(before, self.engine.ask(after, question).evidence[0].probability))
            return

    def lines(self, seen: list[PhantomCase]) -> list[str]:
        """The table."""
        constant = scores.best_constant(seen)
        blind = [
            scores.DraftRow(n, told in constant, told in scores.true_findings(case))
            for n, case in enumerate(seen)
            for told in constant | scores.true_findings(case)
        ]
        known = [row for row in self.asked if row.probability is not None]
        confidence = np.array([row.probability for row in known], dtype=float)
        there = np.array([row.there for row in known])
        ece = expected_calibration_error(confidence, there)
        ece_low, ece_high = bootstrap_by_case(
            [row.case for row in known], lambda index: expected_calibration_error(confidence[index], there[index])
        )
        errors = np.array([row.size_error_mm for row in self.places if row.size_error_mm is not None])
        f1_low, f1_high = bootstrap_by_case(
            [row.case for row in self.drafts], lambda index: scores.f1([self.drafts[int(n)] for n in index])
        )
        return [
            f"{'finding F1 of drafts, assertion and side right':52} n {len(seen):4d}  {scores.f1(self.drafts):.3f} "
            f"[{f1_low:.3f}, {f1_high:.3f}]",
            f"{'the best constant report, which never looks':52} n {len(seen):4d}  {scores.f1(blind):.3f}",
            share("presence on case and twin", self.asked, [row.right for row in self.asked]),
            share("the same questions on another patient", self.elsewhere, [row.right for row in self.elsewhere]),
            share("location (side, and lobe in the lungs), where found", self.places, [row.right for row in self.places]),
            f"{'size, mean absolute error in mm, where measured':52} n {len(errors):4d}  "
            + (
                f"{np.abs(errors).mean():.1f} (median {np.median(np.abs(errors)):.1f}, bias {errors.mean():+.1f})"
                if len(errors)
                else ""
            ),
            f"{'ECE of presence on case and twin':52} n {len(known):4d}  {ece:.3f} [{ece_low:.3f}, {ece_high:.3f}]",
            f"{'painted out: flips or falls by .2':52} n {len(self.fallen):4d}  {np.mean(self.fallen or [0]):.3f}",
            f"{'a patch elsewhere in that lung does so':52} n {len(self.unmoved):4d}  {np.mean(self.unmoved or [0]):.3f}",
            *self._by_concept(),
        ]

    def _by_concept(self) -> list[str]:
        rows: dict[str, list[bool]] = defaultdict(list)
        for row in self.asked:
            rows[row.concept].append(row.right)
        return ["presence by finding:"] + [
            f"  {concept:24} n {len(right):4d}  {np.mean(right):.2f}" for concept, right in sorted(rows.items())
        ]


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="generated cases, instead of making them")
    parser.add_argument("--painted", type=int, default=100, help="pairs with a painted-out finding")
    parser.add_argument("--model", default="asap-mini")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tables, seen = Tables(load_engine(arguments.model), arguments.painted), cases(arguments.cases, arguments.folder)
    for number, case in enumerate(seen):
        tables.add(number, case)
        if number % 10 == 9:
            print(f"{number + 1} cases", flush=True)
    print("\n".join(tables.lines(seen)))


if __name__ == "__main__":
    main()
