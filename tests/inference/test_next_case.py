"""The choice of the next case to label: each strategy picks what it says it picks."""

from __future__ import annotations

import numpy as np

from asap.inference.next_case import CaseScore, next_case

SCORES = {
    "labelled": CaseScore(0.0, (0.0, 0.0)),
    "twin": CaseScore(0.9, (0.1, 0.0)),
    "far": CaseScore(0.2, (5.0, 5.0)),
    "both": CaseScore(0.8, (4.5, 4.5)),
    "neither": CaseScore(0.1, (0.2, 0.1)),
}
UNLABELLED = ["twin", "far", "both", "neither"]


def chosen(strategy: str, unlabelled: list[str] = UNLABELLED, seed: int = 0) -> str | None:
    return next_case(strategy, SCORES, ["labelled"], unlabelled, np.random.default_rng(seed))  # type: ignore[arg-type]


def test_each_strategy_picks_what_it_says() -> None:
    assert chosen("uncertainty") == "twin"
    assert chosen("diversity") == "far"
    assert chosen("combined") == "both"
    assert {chosen("random", seed=seed) for seed in range(40)} == set(UNLABELLED)


def test_nothing_left_and_nothing_scored() -> None:
    assert chosen("combined", []) is None
    assert next_case("combined", {}, [], ["a"], np.random.default_rng(0)) == "a"
    assert next_case("combined", SCORES, ["labelled"], ["new", "far"], np.random.default_rng(0)) == "far"
    assert next_case("diversity", SCORES, [], UNLABELLED, np.random.default_rng(0)) != "far", "the first one is a usual one"
