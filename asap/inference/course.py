"""How far an encoding has come: stages with their usual share of the work, each divided by its pauses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asap.pause import Pause

Progress = Callable[[str, float], None]


def no_progress(_stage: str, _share: float) -> None:
    """For callers that show none."""


@dataclass(frozen=True)
class Stage:
    """One stage of the work. work: its usual seconds on two cores; pauses: how often it pauses, evenly."""

    name: str
    work: float
    pauses: int


class Course:
    """The stages in order. Its `pause` is handed to what does the work; the share reported never falls and ends at 1."""

    def __init__(self, stages: Sequence[Stage], progress: Progress, between_blocks: Pause) -> None:
        self._stages = list(stages)
        self._total = sum(stage.work for stage in stages)
        self._progress, self._between_blocks = progress, between_blocks
        self._number, self._done, self._end = -1, 0.0, 0.0

    def begin_next(self) -> None:
        """Start the next stage; the one before it is done."""
        self._number += 1
        self._done = self._end
        self._end += self._stages[self._number].work
        self._report()
        self._between_blocks()

    def pause(self) -> None:
        """A step of the current stage is done: say so and give way. Raises what the caller's hook raises."""
        stage = self._stages[self._number]
        self._done = min(self._end, self._done + stage.work / stage.pauses)
        self._report()
        self._between_blocks()

    def finish(self) -> None:
        """All is done."""
        self._progress(self._stages[-1].name, 1.0)

    def _report(self) -> None:
        self._progress(self._stages[self._number].name, min(1.0, self._done / self._total))
