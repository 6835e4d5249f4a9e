"""The labels a server's users taught, as a MONAI Label task; offered once a first run made a head."""

from __future__ import annotations

from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferType

from asap.errors import InputError
from asap.inference.engine import Engine
from asap.inference.learnt_labels import LearntLabels
from asap.pause import Pause
from asap.segment_types import label_type
from monailabel_app.lib.infers.ground import NOTICE
from monailabel_app.lib.infers.segment import FORMAT_KEYS, EngineTask, SegmentWork, SlowWork
from monailabel_app.lib.learnt_heads import LearntHead
from monailabel_app.lib.open_case import OpenCase
from monailabel_app.lib.turns import Turns


class LearntTask(EngineTask):
    """Automatic segmentation of what was taught."""

    parameters = FORMAT_KEYS

    def __init__(self, engine: Engine, case: OpenCase, turns: Turns, learnt: LearntHead) -> None:
        super().__init__(
            engine,
            case,
            turns,
            type=InferType.SEGMENTATION,
            labels={},
            description=f"{engine.grounder.name}: the labels submitted to this server, as far as it has learnt them. {NOTICE}",
            config={"result_extension": ".nii.gz"},
        )
        self._learnt = learnt

    def is_valid(self) -> bool:
        """Whether there is a head."""
        return self._learnt.head is not None

    def info(self) -> dict[str, Any]:
        """What `/info` says of the task."""
        head = self._learnt.head
        names = () if head is None else head.labels
        labels = {name: number for number, name in enumerate(names, start=1)}
        colours = {name: list(label_type(name, number).colour) for name, number in labels.items()}
        card = {"weights_sha256": "" if head is None else head.weights_sha256, **self._learnt.last_outcome()}
        return {**super().info(), "labels": labels, "colours": colours, "card": card, "notice": NOTICE}

    def work(self, request: dict[str, Any]) -> SegmentWork:
        """There is nothing to say but the image."""
        head = self._learnt.head
        if head is None:
            raise InputError("Nothing was taught yet: submit labels and start training.")
        return LearntWork(self.engine, self._case, request, head)


class LearntWork(SlowWork):
    """What a head draws."""

    def __init__(self, engine: Engine, case: OpenCase, request: dict[str, Any], head: LearntLabels) -> None:
        super().__init__(request)
        self._engine, self._case = engine, case
        self._head = head

    def encode(self, pause: Pause) -> None:
        """Read, encode and segment the case."""
        held = self._case.open(self._path, private=self._private, pause=pause)
        pause()
        self.found = self._head.segment(held.volume, held.features, self._engine.grounder.grid)
