"""Learning from submitted labels as a MONAI Label train task: what `/info` says of it, and how stock launchers run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monailabel.interfaces.tasks.train import TrainTask

from monailabel_app.lib.datastores import Datastore
from monailabel_app.lib.training import TrainingRuns, order_for

DEFAULT_STEPS = 300


class LabelTrainer(TrainTask):  # type: ignore[misc]
    """Fine-tunes a head of one model on the labels submitted so far; the old head stays until a new one scores better."""

    def __init__(self, model: str, runs: TrainingRuns, last: Callable[[], dict[str, Any]]) -> None:
        """last: the outcome of the last finished run, empty when there was none."""
        super().__init__(f"{model}: learns the labels that were submitted; the model in use changes only for a better one.")
        self.model = model
        self._runs = runs
        self._last = last

    def config(self) -> dict[str, Any]:
        """What a request may change."""
        return {"steps": DEFAULT_STEPS, "semi_supervised": False}

    def stats(self) -> dict[str, Any]:
        """Scores of the last run: mean Dice on held-out cases, before and after."""
        return self._last()

    def __call__(self, request: dict[str, Any], datastore: Datastore) -> dict[str, Any]:
        """Begin a run and return its record."""
        steps, semi = request.get("steps", DEFAULT_STEPS), request.get("semi_supervised", False)
        order = order_for(self.model, datastore, steps=steps, semi_supervised=semi)
        return self._runs.start(f"{self.model}-labels", order)
