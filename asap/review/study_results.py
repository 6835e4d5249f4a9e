"""What a reading study says: how far its readers agree, what they said of each model, and their verdicts as rows."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import asdict
from itertools import combinations
from typing import Any

from .agreement import Kappa, cohen, fleiss
from .review import Review, ReviewedAnswer
from .study import Study


def agreement(study: Study) -> dict[str, Any]:
    """Fleiss' kappa of all readers, Cohen's of every pair, seconds of each, and what was said of each model."""
    judged = [study.judged(reader) for reader in range(len(study.readers))]
    by_all = [row for row in range(len(study.listed)) if all(row in one for one in judged)]
    pairs = []
    for (a, first), (b, second) in combinations(enumerate(judged), 2):
        both = sorted(first.keys() & second.keys())
        if both:
            kappa = cohen([str(first[n].verdict) for n in both], [str(second[n].verdict) for n in both])
            pairs.append({"readers": [a + 1, b + 1], **asdict(kappa)})
    whole: Kappa | None = None
    if len(judged) > 1 and by_all:
        verdicts = [[str(one[row].verdict) for one in judged] for row in by_all]
        whole = fleiss(verdicts, [study.listed[row].case for row in by_all])
    return {
        "fleiss": None if whole is None else asdict(whole),
        "cohen": pairs,
        "readers": [_reader_row(number, one) for number, one in enumerate(judged)],
        "models": _model_rows(study, judged),
    }


def verdict_rows(study: Study, *, blind: bool) -> list[dict[str, Any]]:
    """One row for each verdict. blind: models are called A, B, ... and cases by number, so that nothing leads back."""
    models = sorted({row.model for row in study.listed})
    cases = sorted({row.case for row in study.listed})
    random.Random(study.seed).shuffle(models)
    random.Random(study.seed + 1).shuffle(cases)
    rows = []
    for reader in range(len(study.readers)):
        for number, answer in sorted(study.judged(reader).items()):
            listed, last = study.listed[number], answer.decisions[-1]
            rows.append(
                {
                    "reader": reader + 1,
                    "case": f"case {cases.index(listed.case) + 1}" if blind else listed.case,
                    "question": listed.question,
                    "answer": listed.answer,
                    "model": _letter(models.index(listed.model)) if blind else listed.model,
                    "verdict": answer.verdict,
                    "correction": answer.text if answer.state == "edited" else None,
                    "seconds": last.seconds,
                    "time_utc": None if blind else last.time_utc,
                }
            )
    return rows


def training_rows(study: Study) -> list[dict[str, Any]]:
    """One row for each answer that most of its readers judged alike: what to answer, and what not to.

    Left out: answers that most are unsure of, ties, and disagreement without a correction of the same words by most.
    """
    judged = [study.judged(reader) for reader in range(len(study.readers))]
    rows = []
    for number, listed in enumerate(study.listed):
        said = [one[number] for one in judged if number in one]
        wanted = Counter(answer.text if answer.state in ("accepted", "edited") else None for answer in said)
        if not wanted:
            continue
        target, votes = wanted.most_common(1)[0]
        if target is None or 2 * votes <= len(said):
            continue
        rejected = listed.answer if target != listed.answer else None
        rows.append(
            {
                "case": listed.case,
                "question": listed.question,
                "answer": target,
                "rejected_answer": rejected,
                "model": listed.model,
                "readers": len(said),
                "votes": votes,
            }
        )
    return rows


def _reader_row(number: int, judged: dict[int, ReviewedAnswer]) -> dict[str, Any]:
    times = sorted(answer.decisions[-1].seconds or 0.0 for answer in judged.values())
    middle = None if not times else (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2
    return {"reader": number + 1, "judged": len(judged), "median_seconds": middle}


def _model_rows(study: Study, judged: list[dict[int, ReviewedAnswer]]) -> list[dict[str, Any]]:
    rows = []
    for model in sorted({row.model for row in study.listed}):
        said = Counter(a.verdict for one in judged for n, a in one.items() if study.listed[n].model == model)
        rows.append({"model": model, **{verdict: said[verdict] for verdict in ("agree", "disagree", "unsure")}})
    wins: Counter[tuple[str, str]] = Counter()
    for reader, order in enumerate(study.orders):
        review: Review | None = study.kept(reader).review
        latest = {(p.first, p.second): p for p in review.preferences} if review is not None else {}
        for pair in latest.values():
            if pair.better is not None:
                worse = pair.second if pair.better == pair.first else pair.first
                wins[study.listed[order[pair.better]].model, study.listed[order[worse]].model] += 1
    for row in rows:
        row["preferred_over"] = {worse: n for (better, worse), n in sorted(wins.items()) if better == row["model"]}
    return rows


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"model {number + 1}"
