"""How probable each of the 18 CT-RATE findings is in a case."""

from __future__ import annotations

from typing import Literal

from asap.commands.classify import label_record
from monailabel_app.server.kinds.kind import Answer, Case, Kind, Steps
from monailabel_app.server.schemas import Answered, Asked, Exact, Point, Share


class ClassifyRequest(Asked):
    """Look for the 18 findings."""

    task: Literal["classify"]
    supersede: bool = True


class EstimateRecord(Exact):
    """A finding on one side, or anywhere. probability: calibrated P(it is there); null without a calibration."""

    concept: str
    side: Literal["left", "right", "bilateral"] | None
    anatomy: str | None
    probability: Share | None
    peak_ras_mm: Point


class LabelSaid(Exact):
    """What the classifier says of one label; "cannot tell" where the probability decides nothing or there is none."""

    name: str
    probability: Share | None
    verdict: Literal["present", "absent", "cannot tell"]


class LabelRecord(LabelSaid):
    """A label with what it was read from, the most probable first."""

    findings: list[EstimateRecord]


class ClassifyResult(Answered):
    """The 18 labels in their published order."""

    task: Literal["classify"]
    labels: list[LabelRecord]


def prepare(_request: ClassifyRequest) -> Answer:
    """There is nothing to read."""
    return _answer


def _answer(case: Case) -> Steps:
    for share in case.engine.findings.of(case.features).look():
        case.progress("looking for findings", share)
        yield
    return {"labels": [label_record(label) for label in case.engine.classify(case.features)]}


CLASSIFY = Kind(ClassifyRequest, ClassifyResult, prepare)
