"""Segmentation as MONAI Label tasks: what all of them share, and organs without a prompt."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType
from numpy.typing import NDArray

from asap import limits
from asap.commands.segment import segment_record
from asap.errors import InputError
from asap.inference.course import no_progress
from asap.inference.engine import Engine
from asap.io.seg_nrrd import write_seg_nrrd
from asap.io.segments import mask_set
from asap.pause import Pause
from asap.segment_types import ORGANS, organ_keys
from asap.segmentation import Segment, Segmentation
from monailabel_app.lib.infers.ground import EXTENSIONS, NOTICE
from monailabel_app.lib.label_map import write_labels
from monailabel_app.lib.open_case import OpenCase
from monailabel_app.lib.turns import Turns

SEGMENTS = ".seg.nrrd"
FORMAT_KEYS = frozenset({"result_extension", "result_compress"})


class SegmentTask(InferTask):  # type: ignore[misc]
    """What all such tasks share: their turn, and a label image on the CT's own voxels.

    parameters: what a request may hold. name, weights_sha256: of the model that answers.
    """

    parameters: frozenset[str] = FORMAT_KEYS

    def __init__(self, name: str, weights_sha256: str, turns: Turns, **described: Any) -> None:
        super().__init__(dimension=3, **described)
        self._model = {"name": name, "weights_sha256": weights_sha256}
        self._turns = turns

    @abstractmethod
    def forget_missing(self) -> None:
        """Drop what is kept of a file that was removed."""

    def is_valid(self) -> bool:
        """Weights were verified when they were loaded."""
        return True

    @abstractmethod
    def work(self, request: dict[str, Any]) -> SegmentWork:
        """The checked request as work that waits for its turn. Raises InputError."""

    def __call__(self, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Answer one request: (path of the label image, JSON). Raises AsapError.

        An empty image when nothing was found; as .seg.nrrd, in which overlapping segments stay whole, then no file.
        """
        extension = request.get("result_extension") or ".nii.gz"
        compress = request.get("result_compress", True)
        known = (*EXTENSIONS, SEGMENTS)
        if extension not in known or not isinstance(compress, bool):
            raise InputError(f"The result_extension must be one of {', '.join(known)}, result_compress true or false.")
        work = self.work(request)
        self._turns(work)
        found = work.found
        document = {
            "notice": NOTICE,
            "model": self._model,
            "label_names": {work.name_of(segment): n for n, segment in enumerate(found.segments, 1)},
            "segments": [segment_record(segment) for segment in found.segments],
        }
        if request.get("labels_wanted") is False or (extension == SEGMENTS and not found.segments):
            return None, document
        handle = tempfile.NamedTemporaryFile(prefix="asap-", suffix=extension, delete=False)  # noqa: SIM115
        handle.close()
        path = Path(handle.name)
        try:
            if extension == SEGMENTS:
                write_seg_nrrd(path, mask_set(found, self._model["name"]))
            else:
                write_labels(path, label_image(found), found.affine, compress=compress)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return str(path), document


class EngineTask(SegmentTask):
    """A task of an engine: one case at a time stays open."""

    def __init__(self, engine: Engine, case: OpenCase, turns: Turns, **described: Any) -> None:
        super().__init__(engine.grounder.name, engine.grounder.weights_sha256, turns, **described)
        self.engine = engine
        self._case = case

    def forget_missing(self) -> None:
        """Drop what is kept of a file that was removed."""
        self._case.forget_missing()


class SegmentWork(ABC):
    """One request. found: what came of it."""

    found: Segmentation

    def __init__(self, request: dict[str, Any]) -> None:
        self._path, self._private = Path(request["image"]), request.get("private") is True

    @abstractmethod
    def encoded(self) -> bool:
        """Whether `encode` can be left out."""

    @abstractmethod
    def encode(self, pause: Pause) -> None:
        """The image lane's part."""

    @abstractmethod
    def answer_some(self) -> bool:
        """The quick part; True when all is done."""

    def name_of(self, segment: Segment) -> str:
        """What the client calls a segment."""
        return segment.name


class SlowWork(SegmentWork):
    """Seconds of work: all of it is done on the image lane, which gives way to clicks, also for a case that is open."""

    def encoded(self) -> bool:
        """Never."""
        return False

    def answer_some(self) -> bool:
        """All was done."""
        return True


class OrganTask(EngineTask):
    """Organs without a prompt."""

    parameters = FORMAT_KEYS | {"targets"}

    def __init__(self, engine: Engine, case: OpenCase, turns: Turns) -> None:
        known = engine.organs.known
        super().__init__(
            engine,
            case,
            turns,
            type=InferType.SEGMENTATION,
            labels={ORGANS[key].label: n for n, key in enumerate(known, 1)},
            description=f"{engine.grounder.name}: organs of a chest CT. {NOTICE}",
            config={"targets": ",".join(known), "result_extension": ".nii.gz"},
        )

    def info(self) -> dict[str, Any]:
        """What `/info` says of the task; its colours beside its labels."""
        colours = {ORGANS[key].label: list(ORGANS[key].colour) for key in self.engine.organs.known}
        return {**super().info(), "colours": colours, "notice": NOTICE}

    def work(self, request: dict[str, Any]) -> SegmentWork:
        """targets: names of organs with commas between them."""
        wanted = request.get("targets") or ",".join(self.engine.organs.known)
        if not isinstance(wanted, str) or len(wanted) > limits.MAX_SENTENCE_CHARS:
            raise InputError("targets are names of organs with commas between them.")
        keys = organ_keys(tuple(word.strip() for word in wanted.split(",")))
        self.engine.organs.require(keys)
        return OrganWork(self.engine, self._case, request, keys)


class OrganWork(SlowWork):
    """Organs by their keys."""

    def __init__(self, engine: Engine, case: OpenCase, request: dict[str, Any], keys: tuple[str, ...]) -> None:
        super().__init__(request)
        self._engine, self._case = engine, case
        self._keys = keys

    def encode(self, pause: Pause) -> None:
        """Read, encode and segment the case."""
        held = self._case.open(self._path, private=self._private, pause=pause)
        self.found = self._engine.organs.segment(held.volume, held.features, self._keys, progress=no_progress, pause=pause)


def label_image(found: Segmentation) -> NDArray[np.uint8]:
    """Labels from 1 in order; where segments overlap the later one lies on top."""
    out = np.zeros(found.shape, dtype=np.uint8, order="F")
    for number, segment in enumerate(found.segments, 1):
        out[segment.box][segment.mask] = number
    return out
