"""Agreement of reports on findings, assertions and sides, and the rewards made of it."""

from __future__ import annotations

import pytest

from asap_training.tasks.report_facts import facts_of, finding_f1, format_reward

TRUE = "FINDINGS: There is a nodule in the left lung. No pleural effusion. IMPRESSION: Nodule in the left lung."


@pytest.mark.parametrize(
    ("draft", "score"),
    [
        (TRUE, 1.0),
        ("There is a nodule in the left lung. No pleural effusion.", 1.0),
        ("There is a nodule in the left lung.", 2 / 3),
        ("There is a nodule in the right lung. No pleural effusion.", 1 / 2),
        ("No nodule in the left lung. Pleural effusion.", 0.0),
        ("", 0.0),
    ],
)
def test_f1_wants_the_finding_its_assertion_and_its_side(draft: str, score: float) -> None:
    assert finding_f1([TRUE], [draft]) == pytest.approx(score)


def test_a_finding_on_both_sides_counts_on_each() -> None:
    assert facts_of("Bilateral pleural effusion.") == {
        ("pleural_effusion", "present", "left"),
        ("pleural_effusion", "present", "right"),
    }


@pytest.mark.parametrize(
    ("text", "reward"),
    [(TRUE, 1.0), ("IMPRESSION: a. FINDINGS: b.", 0.0), ("FINDINGS: a. a. IMPRESSION: b.", 0.5), ("FINDINGS: IMPRESSION:", 0.5)],
)
def test_the_form_of_a_report_is_rewarded(text: str, reward: float) -> None:
    assert format_reward(text) == reward
