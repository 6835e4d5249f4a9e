"""CRG equals what the formula gives by hand, and does not reward saying nothing or everything."""

from __future__ import annotations

import pytest

from asap_training.tasks.crg import crg, crg_of_reports, report_labels

NAMES = ("nodule", "effusion", "mass")
# Two exams of three labels, two present of six: the weight of a hit is (6 - 2) / 4 = 1, the best score 2.
TRUE = [dict(zip(NAMES, row, strict=True)) for row in ((True, False, False), (False, True, False))]


def said(*rows: tuple[bool, bool, bool]) -> list[dict[str, bool]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("drafts", "score"),
    [
        (TRUE, 1.0),
        (said((True, False, False), (False, False, False)), 2 / (4 - 0)),  # one hit, one miss: 1 - 1 = 0
        (said((True, False, True), (False, False, False)), 2 / (4 + 1)),  # and one false alarm
        (said((False, False, False), (False, False, False)), 1 / 3),
        (said((True, True, True), (True, True, True)), 1 / 3),
        (said((False, True, True), (True, False, True)), 2 / (4 + 6)),  # all wrong: -2 - 4
    ],
)
def test_values_by_hand(drafts: list[dict[str, bool]], score: float) -> None:
    assert crg(TRUE, drafts) == pytest.approx(score)


def test_a_rare_finding_weighs_more() -> None:
    # One present of six: a hit weighs 5 / 2, so one false alarm beside it costs 1 of 2 * 2.5 - (2.5 - 1).
    rare = said((True, False, False), (False, False, False))
    assert crg(rare, said((True, True, False), (False, False, False))) == pytest.approx(2.5 / (5 - 1.5))


@pytest.mark.parametrize("labels", [said((False, False, False)), said((True, True, True)), []])
def test_undefined_where_nothing_can_be_told_apart(labels: list[dict[str, bool]]) -> None:
    with pytest.raises(ValueError, match="CRG needs"):
        crg(labels, labels)


def test_reports_are_scored_on_what_they_state() -> None:
    reference = "FINDINGS: There is a pleural effusion on the left. No consolidation. IMPRESSION: Effusion."
    assert [name for name, there in report_labels(reference).items() if there] == ["Pleural effusion"]
    assert crg_of_reports([reference], ["Pleural effusion."]) == pytest.approx(1.0)
    assert crg_of_reports([reference], ["No pleural effusion."]) == pytest.approx(1 / 3)
    assert crg_of_reports([reference], [""]) == pytest.approx(1 / 3)
