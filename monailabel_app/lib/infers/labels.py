"""A fine-tuned UNETR as a MONAI Label task: its labels, over the whole image, without a prompt."""

from __future__ import annotations

from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferType

from asap.errors import InputError
from asap.inference.whole_volume import check_labels, segment_whole
from asap.io.read import read_volume
from asap.models.load_unetr import MAX_LABEL_CHARS, MAX_LABELS, LoadedUnetr
from asap.pause import Pause
from asap.segment_types import label_type
from monailabel_app.lib.infers.ground import NOTICE
from monailabel_app.lib.infers.segment import FORMAT_KEYS, SegmentTask, SegmentWork, SlowWork
from monailabel_app.lib.turns import Turns


class LabelsTask(SegmentTask):
    """Automatic segmentation of what the network was trained on."""

    parameters = FORMAT_KEYS | {"targets"}

    def __init__(self, loaded: LoadedUnetr, turns: Turns) -> None:
        names = loaded.config.labels
        super().__init__(
            loaded.name,
            loaded.weights_sha256,
            turns,
            type=InferType.SEGMENTATION,
            labels={name: number for number, name in enumerate(names, 1)},
            description=f"{loaded.name}: a fine-tuned UNETR that draws {', '.join(names)}. {NOTICE}",
            config={"targets": "", "result_extension": ".nii.gz"},
        )
        self._loaded = loaded

    def info(self) -> dict[str, Any]:
        """What `/info` says of the task; its colours beside its labels."""
        colours = {name: list(label_type(name, n).colour) for n, name in enumerate(self._loaded.config.labels, start=1)}
        card = {"weights_sha256": self._loaded.weights_sha256}
        return {**super().info(), "colours": colours, "card": card, "notice": NOTICE}

    def forget_missing(self) -> None:
        """Nothing is kept of a file."""

    def work(self, request: dict[str, Any]) -> SegmentWork:
        """targets: names of labels with commas between them; all without it."""
        wanted = request.get("targets") or ""
        if not isinstance(wanted, str) or len(wanted) > MAX_LABELS * (MAX_LABEL_CHARS + 2):
            raise InputError("targets are names of labels with commas between them.")
        targets = tuple(word.strip() for word in wanted.split(",")) if wanted else ()
        check_labels(self._loaded.config, targets)
        return LabelsWork(self._loaded, request, targets)


class LabelsWork(SlowWork):
    """What the network draws."""

    def __init__(self, loaded: LoadedUnetr, request: dict[str, Any], targets: tuple[str, ...]) -> None:
        super().__init__(request)
        self._loaded = loaded
        self._targets = targets

    def encode(self, pause: Pause) -> None:
        """Read and segment the image."""
        self.found = segment_whole(self._loaded, read_volume(self._path, pause), self._targets, between_blocks=pause)
