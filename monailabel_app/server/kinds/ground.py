"""Where sentences are true: of a report, or one by one as a viewer clicks them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from asap import limits
from asap.report import Sentence
from asap.text.read import read_report, read_sentence
from monailabel_app.server.answers import answer_record
from monailabel_app.server.kinds.kind import Answer, Case, Kind, Steps
from monailabel_app.server.schemas import Answered, Asked, Exact, MapRecord, Point, exactly_one

SENTENCES_AT_ONCE = 16  # a report of this length is one pass of the text encoder; longer ones let others in between


class GroundRequest(Asked):
    """Where sentences are true. Exactly one of sentences and report."""

    model_config = exactly_one("sentences", "report")
    task: Literal["ground"]
    sentences: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=limits.MAX_SENTENCE_CHARS)]],
            Field(min_length=1, max_length=limits.MAX_SENTENCES),
        ]
        | None
    ) = None
    report: str | None = Field(default=None, min_length=1, max_length=limits.MAX_REPORT_CHARS)
    supersede: bool = True

    @model_validator(mode="after")
    def one_of_both(self) -> GroundRequest:
        """One and only one."""
        if (self.sentences is None) == (self.report is None):
            raise ValueError("give either sentences or report")
        return self


class SentenceRecord(Exact):
    """The answer for one sentence. span: its characters in the report."""

    index: int
    text: str
    section: str | None
    assertion: Literal["present", "absent", "uncertain"]
    laterality: Literal["left", "right", "bilateral"] | None
    localisable: bool
    reason: str | None
    confidence: float | None
    peak_ras_mm: Point | None
    tokens: int | None
    threshold: float | None
    side_check: Literal["agrees", "disagrees", "not applicable"]
    span: Annotated[list[int], Field(min_length=2, max_length=2)] | None
    map: MapRecord | None
    fine_map: MapRecord | None


class GroundResult(Answered):
    """The answers of a ground job, in the order asked."""

    task: Literal["ground"]
    sentences: list[SentenceRecord]


def prepare(request: GroundRequest) -> Answer:
    """Read the sentences. Raises InputError for text without any."""
    in_report = request.report is not None
    sentences = read_report(request.report).sentences if request.report is not None else ()
    for index, text in enumerate(request.sentences or ()):
        sentences += (replace(read_sentence(text), index=index),)

    def answer(case: Case) -> Steps:
        records: list[dict[str, Any]] = []
        for first in range(0, len(sentences), SENTENCES_AT_ONCE):
            if first:
                yield
            records += _records(case, sentences[first : first + SENTENCES_AT_ONCE], in_report=in_report)
            case.progress("answering", len(records) / len(sentences))
        return {"sentences": records}

    return answer


def _records(case: Case, sentences: tuple[Sentence, ...], *, in_report: bool) -> list[dict[str, Any]]:
    groundings = case.engine.ground(case.features, sentences)
    return [answer_record(grounding, fine=case.features.fine, in_report=in_report) for grounding in groundings]


GROUND = Kind(GroundRequest, GroundResult, prepare)
