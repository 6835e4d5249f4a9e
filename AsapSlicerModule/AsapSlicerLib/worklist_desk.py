"""Judging answers about the scene's CTs: one reader's worklist, and where in the CT an answer is true. No window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from asap.client import GroundAnswer
from asap.review import Verdict
from asap.review.reading import Reading

from .background import Work
from .cases import OpenCase
from .events import Event
from .evidence import draw_place, words_of_place
from .i18n import _
from .logic import AsapLogic

KEY = "evidence"
FEW_WORDS = 3  # "Yes." or "Right lung." says nothing without its question


class WorklistDesk:
    """A list of `asap review new` and the place in it. Every change ends in the event "worklist", or in "error".

    evidence: what was found of the answer before the reader, in words; "" until it was looked for.
    """

    def __init__(self, logic: AsapLogic) -> None:
        self._logic = logic
        self.reading: Reading | None = None
        self.evidence = ""

    def open(self, folder: Path) -> None:
        """Take up a reader's folder where it was left."""

        def take() -> None:
            self.reading = Reading(folder, self._logic.parameters.reader)

        self._act(take)

    def close(self) -> None:
        """Put the list away; all verdicts are on the disk."""
        self._act(lambda: setattr(self, "reading", None))

    def judge(self, verdict: Verdict, correction: str = "") -> None:
        """A verdict on the answer before the reader; a correction goes with "disagree"."""
        self._read(lambda reading: reading.judge(verdict, correction))

    def undo(self) -> None:
        """Take the last verdict back."""
        self._read(lambda reading: reading.undo())

    def step(self, by: int) -> None:
        """The next answer (1) or the one before (-1)."""
        self._read(lambda reading: reading.step(by))

    def step_case(self, by: int) -> None:
        """The next case (1) or the one before (-1)."""
        self._read(lambda reading: reading.step_case(by))

    def prefer(self, better: str) -> None:
        """Of two answers: "this", "other" or "neither" is the better one."""

        def said(reading: Reading) -> None:
            reading.prefer({"this": reading.at, "other": reading.rival}.get(better))

        self._read(said)

    @property
    def place(self) -> str:
        """Where the reader is and how much is done."""
        if self.reading is None:
            return ""
        told, count = self.reading.progress, len(self.reading.review.answers)
        text = _("{at} of {count}; {judged} judged, {done} of {cases} cases done")
        return text.format(at=self.reading.at + 1, count=count, judged=told.judged, done=told.cases_done, cases=told.cases)

    @property
    def rival(self) -> str:
        """The words of another answer to the same question, or ""."""
        reading = self.reading
        return "" if reading is None or reading.rival is None else reading.review.answers[reading.rival].draft

    def show_evidence(self) -> None:
        """Ask the server where the answer is true in the chosen CT, draw it and go there."""
        logic, reading = self._logic, self.reading
        if reading is None or (plan := logic.session.plan(logic.volume, self.show_evidence)) is None:
            return
        asked, words = self._where(), _statement(reading)

        def act(work: Work, study: str) -> GroundAnswer:
            model, fine = plan.model.name, plan.fine
            return plan.client.ground(study, sentences=[words], model=model, fine=fine, progress=work.report, cancel=work)

        def done(result: tuple[OpenCase, GroundAnswer]) -> None:
            still = self._where() == asked
            if still and logic.scene.GetNodeByID(plan.source.node_id) is logic.volume:
                self._draw(result[1])
                logic.tell(Event("worklist"))

        logic.background.start(lambda work: plan.on_study(work, partial(act, work)), done=done, failed=logic.fail, key=KEY)

    def _draw(self, given: GroundAnswer) -> None:
        draw_place(self._logic, given.sentences[0])
        self.evidence = words_of_place(given.sentences[0])

    def _read(self, change: Callable[[Reading], object]) -> None:
        reading = self.reading
        if reading is not None:
            self._act(lambda: change(reading))

    def _act(self, change: Callable[[], object]) -> None:
        before = self._where()
        try:
            change()
        except ValueError as error:
            self._logic.fail(error)
            return
        if self._where() != before:
            self._turn("" if self.reading is None else self.reading.answer.case)
        self._logic.tell(Event("worklist"))

    def _where(self) -> tuple[int, int]:
        """Which list, and which answer of it."""
        return (0, 0) if self.reading is None else (id(self.reading), self.reading.at)

    def _turn(self, case: str) -> None:
        """Another answer is before the reader: its CT is chosen where the scene holds one of that name."""
        self._logic.background.cancel(KEY)
        if self.evidence:
            self._logic.clear()
        self.evidence = ""
        found = self._named(case)
        if found is not None:
            self._logic.choose_volume(found)

    def _named(self, case: str) -> Any:
        scene = self._logic.scene
        count = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
        nodes = (scene.GetNthNodeByClass(n, "vtkMRMLScalarVolumeNode") for n in range(count))
        return next((node for node in nodes if node.GetName() == case), None)


def _statement(reading: Reading) -> str:
    """What is looked for in the image: the answer, after its question where it is too short to say anything alone."""
    answer = reading.answer
    if len(answer.draft.split()) > FEW_WORDS:
        return answer.draft
    return f"{answer.question.rstrip('?')}: {answer.draft}"
