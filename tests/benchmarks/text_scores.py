"""Scores of the report reader on real and generated reports: `python -m tests.benchmarks.text_scores [--final]`.

Tables: the 18 CT-RATE findings (first 500 reports; the other 300 only with --final), side/lobe/size of the primary in generated
lung-cancer reports, and normal/abnormal on chest X-ray sentences. The material is found through ASAP_REFERENCE_DATA.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from asap.report import Finding, Report
from asap.text.ctrate_labels import CTRATE_FINDINGS, ctrate_labels
from asap.text.normality import is_abnormal
from asap.text.read import read_report, read_sentence

_ERROR_ANALYSIS_ROWS = 500
_LOBES = {
    "RUL": ("right", "upper_lobe"), "RML": ("right", "middle_lobe"), "RLL": ("right", "lower_lobe"),
    "LUL": ("left", "upper_lobe"), "LLL": ("left", "lower_lobe"), "LINGULA": ("left", "lingula"),
}  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """Counts of one finding over reports."""

    true_positive: int
    false_positive: int
    false_negative: int

    @property
    def precision(self) -> float:
        """TP / (TP + FP), 1 where nothing was said."""
        said = self.true_positive + self.false_positive
        return self.true_positive / said if said else 1.0

    @property
    def recall(self) -> float:
        """TP / (TP + FN), 1 where there was nothing to say."""
        there = self.true_positive + self.false_negative
        return self.true_positive / there if there else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        denominator = 2 * self.true_positive + self.false_positive + self.false_negative
        return 2 * self.true_positive / denominator if denominator else 1.0


def score_ctrate(path: Path, first: int, last: int) -> tuple[dict[str, Counts], float]:
    """Counts per CT-RATE finding over rows first..last (1-based, inclusive), and the seconds the reading took."""
    with path.open(encoding="utf-8") as file:
        rows = [row for number, row in enumerate(csv.DictReader(file), start=1) if first <= number <= last]
    began = time.perf_counter()
    read = [ctrate_labels(read_report(row["report_text"])) for row in rows]
    seconds = time.perf_counter() - began
    counts = {}
    for name in CTRATE_FINDINGS:
        pairs = Counter((labels[name], row[name] == "1") for labels, row in zip(read, rows, strict=True))
        counts[name] = Counts(pairs[True, True], pairs[True, False], pairs[False, True])
    return counts, seconds


def primary_of(report: Report) -> Finding | None:
    """The primary tumour: the first mass or nodule stated in a lobe or the lung, with a size where there is one."""
    candidates = [
        finding
        for sentence in report.sentences
        for finding in sentence.findings
        if finding.concept in {"mass", "nodule"} and finding.assertion != "absent"
    ]
    sized = [finding for finding in candidates if finding.size_mm is not None and finding.anatomy != "lung"]
    return (sized or candidates or [None])[0]


def score_primary(path: Path) -> tuple[Counter[str], int]:
    """How many generated reports have side, lobe, size of the primary exact, and how many reports there are."""
    hits: Counter[str] = Counter()
    lines = path.read_text(encoding="utf-8").splitlines()
    for line in lines:
        item = json.loads(line)
        truth = item["case"]["primary"]
        side, lobe = _LOBES[truth["lobe"].upper()]
        finding = primary_of(read_report(item["report"]))
        exact = {
            "side": finding is not None and finding.side == side,
            "lobe": finding is not None and finding.anatomy == lobe,
            "size": finding is not None and finding.size_mm == truth["size_mm"],
        }
        hits.update(name for name, hit in exact.items() if hit)
        hits.update(["all three"] if all(exact.values()) else [])
    return hits, len(lines)


def score_openi(path: Path) -> dict[str, tuple[int, int]]:
    """(right, n) over all sick and healthy sentences, over those a rule covers, and the coverage."""
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["Label"] in {"s", "h"}]
    answers = [(is_abnormal(read_sentence(row["Sentence"])), row["Label"] == "s") for row in rows]
    covered = [(answer, truth) for answer, truth in answers if answer is not None]
    return {
        "all (uncovered counts as sick)": (sum((answer is not False) == truth for answer, truth in answers), len(answers)),
        "covered": (sum(answer == truth for answer, truth in covered), len(covered)),
        "coverage": (len(covered), len(answers)),
        "sick": (sum(answer is not False for answer, truth in answers if truth), sum(truth for _, truth in answers)),
        "healthy": (sum(answer is False for answer, truth in answers if not truth), sum(not truth for _, truth in answers)),
    }


def _print_ctrate(title: str, counts: dict[str, Counts], seconds: float, n: int) -> None:
    print(f"\n{title} ({n} reports, {n / seconds:.0f} reports/s)")
    print(f"{'finding':38} {'P':>6} {'R':>6} {'F1':>6} {'n':>5}")
    for name, count in counts.items():
        positives = count.true_positive + count.false_negative
        print(f"{name:38} {count.precision:6.3f} {count.recall:6.3f} {count.f1:6.3f} {positives:5d}")
    print(f"{'macro F1':38} {'':6} {'':6} {sum(c.f1 for c in counts.values()) / len(counts):6.3f}")


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--final", action="store_true", help="also score the 300 reports kept for one final run")
    arguments = parser.parse_args()
    root = os.environ.get("ASAP_REFERENCE_DATA")
    if not root:
        print("Set ASAP_REFERENCE_DATA to the folder of the reference material.", file=sys.stderr)
        return 2
    ctrate = Path(root) / "nc/reports/ctrate_style_labelled_800.csv"
    counts, seconds = score_ctrate(ctrate, 1, _ERROR_ANALYSIS_ROWS)
    _print_ctrate("CT-RATE findings, reports 1-500 (used for error analysis)", counts, seconds, _ERROR_ANALYSIS_ROWS)
    if arguments.final:
        counts, seconds = score_ctrate(ctrate, _ERROR_ANALYSIS_ROWS + 1, 800)
        _print_ctrate("CT-RATE findings, reports 501-800 (held out)", counts, seconds, 300)
    hits, n = score_primary(Path(root) / "reports/synthetic_lung_cancer_ct.jsonl")
    print(f"\nPrimary tumour of generated reports (n = {n})")
    for name in ("side", "lobe", "size", "all three"):
        print(f"{name:38} {hits[name] / n:6.3f}")
    print("\nChest X-ray sentences, sick or healthy")
    for name, (right, total) in score_openi(Path(root) / "reports/openi_sentence_abnormal_labels.csv").items():
        print(f"{name:38} {right / total:6.3f} {total:6d}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
