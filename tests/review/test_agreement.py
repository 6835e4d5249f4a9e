"""Kappa equals what independent libraries say; the intervals cover; degenerate readers get no number."""

from __future__ import annotations

import random

import pytest
from sklearn.metrics import cohen_kappa_score

from asap.review import VERDICTS, ReviewError
from asap.review.agreement import cohen, fleiss

# statsmodels 0.15.0 on `readings(seed)`: Cohen's kappa of the first two readers with its interval, Fleiss' kappa of all.
STATSMODELS = [
    (0, -0.1004273504, -0.2292650441, 0.0284103432, 0.0045103093),
    (1, -0.0801186944, -0.2931985408, 0.1329611521, -0.080653142),
    (2, 0.1291666667, -0.1616353989, 0.4199687322, 0.0932754881),
    (3, 0.213243147, 0.0329109291, 0.3935753649, 0.0731346861),
    (4, 0.1216216216, -0.0567386179, 0.2999818611, 0.0187075588),
    (5, 0.5410276503, 0.4352212997, 0.6468340009, 0.5412715728),
]


def readings(seed: int) -> list[list[str]]:
    """Verdicts of two to five readers on up to two hundred answers, who see the truth with one probability."""
    chance = random.Random(seed)
    answers, readers, skill = chance.randint(5, 200), chance.randint(2, 5), chance.random()
    truth = [chance.choice(VERDICTS) for _ in range(answers)]
    return [[said if chance.random() < skill else chance.choice(VERDICTS) for _ in range(readers)] for said in truth]


@pytest.mark.parametrize(("seed", "kappa", "low", "high", "of_all"), STATSMODELS)
def test_both_kappas_equal_statsmodels(seed: int, kappa: float, low: float, high: float, of_all: float) -> None:
    rows = readings(seed)
    two = cohen([row[0] for row in rows], [row[1] for row in rows])
    assert (two.kappa, two.low, two.high) == pytest.approx((kappa, low, high), abs=1e-9)
    everyone = fleiss(rows, [str(n // 3) for n in range(len(rows))])
    assert everyone.kappa == pytest.approx(of_all, abs=1e-9)
    assert everyone.low is not None
    assert everyone.high is not None
    assert everyone.low <= of_all <= everyone.high


def test_cohen_equals_scikit_learn_on_a_hundred_tables() -> None:
    for seed in range(100):
        rows = readings(seed)
        first, second = [row[0] for row in rows], [row[1] for row in rows]
        assert cohen(first, second).kappa == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_the_interval_over_cases_is_wider_than_over_answers_where_cases_decide() -> None:
    chance = random.Random(3)
    rows, cases = [], []
    for case in range(12):
        alike = chance.random() < 0.5
        for _question in range(10):
            said = chance.choice(VERDICTS)
            rows.append([said, said if alike else chance.choice(VERDICTS)])
            cases.append(str(case))
    by_case, by_answer = fleiss(rows, cases), fleiss(rows, [str(n) for n in range(len(rows))])
    widths = [(one.high or 0.0) - (one.low or 0.0) for one in (by_case, by_answer)]
    assert widths[0] > 1.3 * widths[1]


def test_one_verdict_throughout_has_no_kappa_and_perfect_agreement_is_one() -> None:
    assert cohen(["agree"] * 5, ["agree"] * 5).kappa is None
    assert fleiss([["agree", "agree"]] * 5, list("abcde")).kappa is None
    assert cohen(["agree", "unsure"], ["agree", "unsure"]).kappa == pytest.approx(1)
    assert fleiss([["agree"] * 3, ["unsure"] * 3], ["a", "b"]).kappa == pytest.approx(1)


def test_too_few_readers_or_answers_are_refused() -> None:
    with pytest.raises(ReviewError, match="both readers"):
        cohen([], [])
    with pytest.raises(ReviewError, match="at least two readers"):
        fleiss([["agree"]], ["a"])
