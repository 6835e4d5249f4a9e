"""What one case adds to the table of drafts and answers, kept as JSON so that a run that was killed goes on."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asap.errors import NotChestError
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.io.atomic import write_bytes
from asap.phantom.case import PhantomCase
from asap.phantom.sentences import LUNG_CONCEPTS
from asap_training.tasks import answer_scores as scores
from asap_training.tasks.answer_scores import AskedRow, PlaceRow, Told
from asap_training.tasks.crg import report_labels
from asap_training.tasks.painting import noticed, painted_out, patched_elsewhere
from asap_training.tasks.vqa_scores import Answered
from tests.benchmarks.answers_cases import CaseSet

EVEN = 0.5
PAINTED = frozenset({"nodule", "mass", "consolidation", "ground_glass"}) & LUNG_CONCEPTS


@dataclass(frozen=True)
class CaseRows:
    """One case. drafted: findings of its draft; elsewhere: of another patient's. labels: CT-RATE findings, true and drafted.

    asked: presence on case and twin. strangers: the same questions to two other patients. painted: of each finding tried, whether
    the answer noticed it painted out, and a patch elsewhere.
    """

    number: int
    true: list[Told]
    drafted: list[Told]
    elsewhere: list[Told]
    true_labels: dict[str, bool]
    drafted_labels: dict[str, bool]
    asked: list[AskedRow]
    strangers: list[AskedRow]
    places: list[PlaceRow]
    answered: list[Answered]
    painted: list[tuple[bool, bool]]


def rows_of(engine: Engine, cases: CaseSet, number: int, *, paint: bool) -> CaseRows | None:
    """Score one case; None when it or its twin is refused as not a chest."""
    told = cases.load(number)
    case = told.case
    try:
        features, twin = engine.encode(case.volume), engine.encode(case.twin)
        others = cases.features(engine, number - 1), cases.features(engine, number - 2)
    except NotChestError:
        return None
    true, questions = scores.true_findings(case), set(told.vanished)
    draft = engine.draft(features).text()
    asked = list(scores.asked_rows(engine, number, questions, features, there=True))
    places = list(scores.place_rows(engine, number, case, features))
    answered = list(scores.answered_by_type(engine, case, questions, features, twin))
    painted = _painted(engine, case, features, number) if paint else []
    asked += scores.asked_rows(engine, number, questions, twin, there=False)
    elsewhere = scores.drafted_findings(engine.draft(others[0]).text())
    strangers = list(scores.asked_rows(engine, number, questions, others[0], there=True))
    strangers += scores.asked_rows(engine, number, questions, others[1], there=False)
    return CaseRows(
        number,
        _ordered(true),
        _ordered(scores.drafted_findings(draft)),
        _ordered(elsewhere),
        dict(scores.true_labels(case)),
        dict(report_labels(draft)),
        asked,
        strangers,
        places,
        answered,
        painted,
    )


def _painted(engine: Engine, case: PhantomCase, features: StudyFeatures, seed: int) -> list[tuple[bool, bool]]:
    """Every lesion of the lungs that is alone of its kind on its side, was found, and leaves room for a patch elsewhere."""
    pairs = []
    places = [(finding.concept, finding.side) for finding in case.findings]
    for finding in case.findings:
        elsewhere = None
        if finding.concept in PAINTED and places.count((finding.concept, finding.side)) == 1:
            elsewhere = patched_elsewhere(case, finding, np.random.default_rng(seed))
        question = scores.question_of(finding.concept, finding.side)
        before = _probability(engine, features, question) if elsewhere is not None else None
        if elsewhere is None or before is None or before < EVEN:
            continue
        with suppress(NotChestError):
            seen = [engine.encode(volume) for volume in (painted_out(case, finding), elsewhere)]
            painted, patched = (noticed(before, _probability(engine, one, question)) for one in seen)
            pairs.append((painted, patched))
    return pairs


def _probability(engine: Engine, features: StudyFeatures, question: str) -> float | None:
    return engine.ask(features, question).evidence[0].probability


def _ordered(told: set[Told]) -> list[Told]:
    return sorted(told, key=str)


def save(path: Path, rows: CaseRows | None) -> None:
    """Keep the rows of a case, or that it was refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, json.dumps(None if rows is None else asdict(rows)).encode(), "rows of a case")


def load(path: Path) -> CaseRows | None:
    """What `save` kept."""
    stored: dict[str, Any] | None = json.loads(path.read_text())
    if stored is None:
        return None
    for key in ("true", "drafted", "elsewhere"):
        stored[key] = [tuple(told) for told in stored[key]]
    for key, kind in (("asked", AskedRow), ("strangers", AskedRow), ("places", PlaceRow), ("answered", Answered)):
        stored[key] = [kind(**row) for row in stored[key]]
    stored["painted"] = [tuple(pair) for pair in stored["painted"]]
    return CaseRows(**stored)
