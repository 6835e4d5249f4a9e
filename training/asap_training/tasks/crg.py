"""CRG: how right drafted reports are about findings, weighed by how rare findings are (Hamamci et al. 2025, arXiv 2505.17167).

Over all exams and labels, X of them, A present: s = w (TP - FN) - FP with w = (X - A) / 2A, the best possible S = w A, and
CRG = S / (2 S - s). A perfect set of reports scores 1; one that claims nothing and one that claims everything score 1/3 alike.
True negatives, most of any report, count for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asap.errors import AsapError
from asap.text.ctrate_labels import CTRATE_FINDINGS, ctrate_labels
from asap.text.read import read_report

Labels = Mapping[str, bool]


def crg(true: Sequence[Labels], said: Sequence[Labels]) -> float:
    """CRG of exams whose labels were read off the references and off the drafts, in order.

    Raises ValueError where it is not defined: no exams, lists that do not fit, no label present, or every label present.
    """
    if len(true) != len(said) or any(a.keys() != b.keys() for a, b in zip(true, said, strict=False)):
        raise ValueError("every draft needs its reference, with the same labels")
    pairs = [(labels[name], drafted[name]) for labels, drafted in zip(true, said, strict=True) for name in labels]
    present = sum(there for there, _ in pairs)
    if present in (0, len(pairs)):
        raise ValueError("CRG needs findings that are there and findings that are not")
    hits = sum(there and told for there, told in pairs)
    false_alarms = sum(told and not there for there, told in pairs)
    weight = (len(pairs) - present) / (2 * present)
    best = weight * present
    score = weight * (hits - (present - hits)) - false_alarms
    return best / (2 * best - score)


def report_labels(text: str) -> Labels:
    """The 18 CT-RATE findings a report states; none of them where the text is no report."""
    try:
        return ctrate_labels(read_report(text))
    except AsapError:
        return dict.fromkeys(CTRATE_FINDINGS, False)


def crg_of_reports(references: Sequence[str], drafts: Sequence[str]) -> float:
    """CRG on the 18 CT-RATE findings of reports, read by the report reader."""
    return crg([report_labels(text) for text in references], [report_labels(text) for text in drafts])
