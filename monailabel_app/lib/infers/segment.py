"""Segmentation as MONAI Label tasks: organs without a prompt, and one segment from foreground and background clicks."""

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
from asap.errors import InputError, LimitError
from asap.inference.course import no_progress
from asap.inference.engine import Engine
from asap.pause import Pause, no_pause
from asap.prompt import Point, Prompt
from asap.segment_types import ORGANS, organ_keys
from asap.segmentation import Segment, Segmentation
from asap.volume import Affine, apply_affine
from monailabel_app.lib.infers.ground import EXTENSIONS, NOTICE
from monailabel_app.lib.label_map import write_labels
from monailabel_app.lib.open_case import Held, OpenCase
from monailabel_app.lib.turns import Turns

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
        """Answer one request: (path of the label image, JSON). An empty image when nothing was found. Raises AsapError."""
        extension = request.get("result_extension") or ".nii.gz"
        compress = request.get("result_compress", True)
        if extension not in EXTENSIONS or not isinstance(compress, bool):
            raise InputError(f"The result_extension must be one of {', '.join(EXTENSIONS)}, result_compress true or false.")
        work = self.work(request)
        self._turns(work)
        found = work.found
        document = {
            "notice": NOTICE,
            "model": self._model,
            "label_names": {work.name_of(segment): n for n, segment in enumerate(found.segments, 1)},
            "segments": [segment_record(segment) for segment in found.segments],
        }
        if request.get("labels_wanted") is False:
            return None, document
        handle = tempfile.NamedTemporaryFile(prefix="asap-", suffix=extension, delete=False)  # noqa: SIM115
        handle.close()
        path = Path(handle.name)
        try:
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


class ClickTask(EngineTask):
    """One segment from clicks, in the terms of MONAI Label's "deepgrow" clients: all points so far with every request."""

    parameters = FORMAT_KEYS | {"foreground", "background", "label", "coordinates"}

    def __init__(self, engine: Engine, case: OpenCase, turns: Turns) -> None:
        super().__init__(
            engine,
            case,
            turns,
            type=InferType.DEEPGROW,
            labels=[],
            description=f"{engine.grounder.name}: click on a lesion, correct by foreground and background clicks. {NOTICE}",
            config={"coordinates": "ijk", "result_extension": ".nii.gz"},
        )

    def work(self, request: dict[str, Any]) -> SegmentWork:
        """foreground, background: lists of points; coordinates: "ijk", indices of the image (default), or "ras", mm."""
        label, frame = request.get("label") or "lesion", request.get("coordinates") or "ijk"
        if not isinstance(label, str) or len(label) > limits.MAX_MODEL_NAME_CHARS or frame not in ("ijk", "ras"):
            raise InputError('label is a short name and coordinates "ijk" or "ras".')
        points = {name: _points(request.get(name) or [], name) for name in ("foreground", "background")}
        if not len(points["foreground"]):
            raise InputError("Click inside the lesion first: foreground holds no point.")
        return ClickWork(self.engine, self._case, request, points, label=label, in_ras_mm=frame == "ras")


class ClickWork(SegmentWork):
    """One lesion."""

    def __init__(
        self,
        engine: Engine,
        case: OpenCase,
        request: dict[str, Any],
        points: dict[str, NDArray[np.float64]],
        *,
        label: str,
        in_ras_mm: bool,
    ) -> None:
        super().__init__(request)
        self._engine, self._case = engine, case
        self._held: Held | None = None
        self._points = points
        self._label = label
        self._in_ras_mm = in_ras_mm

    def encoded(self) -> bool:
        """Whether the case is open."""
        self._held = self._case.known(self._path)
        return self._held is not None

    def encode(self, pause: Pause) -> None:
        """Read and encode the case."""
        self._held = self._case.open(self._path, private=self._private, pause=pause)

    def answer_some(self) -> bool:
        """The lesion, or nothing."""
        held = self._held or self._case.open(self._path, private=self._private, pause=no_pause)
        inside, outside = (self._in_world(self._points[name], held.volume.affine) for name in ("foreground", "background"))
        found = self._engine.segment_prompted(held.volume, held.features, Prompt(include=inside, exclude=outside))
        self.found = Segmentation(held.volume.shape, held.volume.affine, () if found is None else (found,))
        return True

    def name_of(self, segment: Segment) -> str:
        """The name of the segment the user is drawing."""
        return self._label

    def _in_world(self, points: NDArray[np.float64], affine: Affine) -> tuple[Point, ...]:
        world = points if self._in_ras_mm else apply_affine(affine, points)
        return tuple((float(r), float(a), float(s)) for r, a, s in world)


def label_image(found: Segmentation) -> NDArray[np.uint8]:
    """Labels from 1 in order; where segments overlap the later one lies on top."""
    out = np.zeros(found.shape, dtype=np.uint8, order="F")
    for number, segment in enumerate(found.segments, 1):
        out[segment.box][segment.mask] = number
    return out


def _points(value: Any, name: str) -> NDArray[np.float64]:
    if not isinstance(value, list) or len(value) > limits.MAX_PROMPT_POINTS:
        raise LimitError(f"{name} is a list of at most {limits.MAX_PROMPT_POINTS} points.")
    try:
        points = np.array(value, dtype=np.float64).reshape(-1, 3)
    except (TypeError, ValueError) as error:
        raise InputError(f"A point of {name} is three numbers.") from error
    if not np.isfinite(points).all():
        raise InputError(f"A point of {name} is three numbers.")
    return points
