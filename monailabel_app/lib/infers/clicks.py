"""Segments from clicks, in the terms of MONAI Label's interactive clients: all points so far with every request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from monailabel.interfaces.tasks.infer_v2 import InferType
from numpy.typing import NDArray

from asap import limits
from asap.errors import InputError, LimitError
from asap.inference.engine import Engine
from asap.pause import Pause, no_pause
from asap.prompt import Point, Prompt
from asap.segment_types import LESIONS, label_type
from asap.segmentation import Segment, Segmentation
from asap.volume import Affine, Volume, apply_affine
from monailabel_app.lib.drawn_segments import Drawing, DrawnSegments, continues, says_the_same
from monailabel_app.lib.infers.ground import NOTICE
from monailabel_app.lib.infers.segment import FORMAT_KEYS, EngineTask, SegmentWork
from monailabel_app.lib.open_case import Held, OpenCase
from monailabel_app.lib.stored_studies import signature
from monailabel_app.lib.turns import Turns

Points = NDArray[np.float64]
NO_POINTS: Points = np.zeros((0, 3))
BACKGROUND = "background"
MAX_LABELS = 255  # of a label image


@dataclass(frozen=True, eq=False)
class Clicks:
    """What a client said of one label, in its own frame, [n, 3] each. foreign: points of the other labels."""

    label: str
    inside: Points
    outside: Points
    foreign: Points


class ClickTask(EngineTask):
    """One segment from foreground and background clicks: what clients of the type "deepgrow" send.

    A request that says more of a label than its client's last one corrects that answer, as our own clients do.
    """

    parameters = FORMAT_KEYS | {"foreground", BACKGROUND, "label", "coordinates", "roi", "client_id"}
    client_type: ClassVar[InferType] = InferType.DEEPGROW
    names: ClassVar[dict[str, int]] = {}

    def __init__(self, engine: Engine, case: OpenCase, turns: Turns, drawn: DrawnSegments) -> None:
        super().__init__(
            engine,
            case,
            turns,
            type=self.client_type,
            labels=self.names,
            description=f"{engine.grounder.name}: click on a lesion, correct by further clicks. {NOTICE}",
            config={"coordinates": "ijk", "result_extension": ".nii.gz"},
        )
        self._drawn = drawn

    def forget_missing(self) -> None:
        """Drop what is kept of a file that was removed."""
        super().forget_missing()
        self._drawn.forget_missing()

    def work(self, request: dict[str, Any]) -> SegmentWork:
        """foreground, background: lists of points; coordinates: "ijk", indices of the image (default), or "ras", mm.

        roi: six numbers, from and to along each axis, that the segment stays inside of.
        """
        label, frame = request.get("label") or "lesion", request.get("coordinates") or "ijk"
        if not isinstance(label, str) or len(label) > limits.MAX_MODEL_NAME_CHARS or frame not in ("ijk", "ras"):
            raise InputError('label is a short name and coordinates "ijk" or "ras".')
        corners = _points(request.get("roi") or [], "roi")
        if len(corners) not in (0, 2):
            raise InputError("A roi is six numbers: from and to along each axis.")
        clicks = self.clicks(request, label, located=len(corners) > 0)
        if not clicks:
            raise InputError("Click inside the lesion first: foreground holds no point.")
        return ClickWork(
            self.engine, self._case, request, self._drawn, clicks, box=corners.reshape(-1, 3, 2), in_ras_mm=frame == "ras"
        )

    def clicks(self, request: dict[str, Any], label: str, *, located: bool) -> tuple[Clicks, ...]:
        """What is said of each label; nothing where nothing is said. located: a box says where."""
        inside, outside = (_points(request.get(name) or [], name) for name in ("foreground", BACKGROUND))
        return (Clicks(label, inside, outside, NO_POINTS),) if located or len(inside) or len(outside) else ()


class LabelClicksTask(ClickTask):
    """Several segments, each from the points under its own name: what clients of the type "deepedit" send.

    A point of one label is outside all others, a point of `background` outside of all.
    """

    client_type = InferType.DEEPEDIT
    # With labels MONAI Label's Slicer module goes into its multi-label mode.
    names: ClassVar[dict[str, int]] = {kind.label: number for number, kind in enumerate(LESIONS.values(), start=1)}

    def clicks(self, request: dict[str, Any], label: str, *, located: bool) -> tuple[Clicks, ...]:
        """Of each label with points; of a label without any where it has only others' beside it."""
        named = {name: _points(value, "a label") for name, value in request.get("points_by_name", {}).items()}
        if any(len(name) > limits.MAX_MODEL_NAME_CHARS for name in named):
            raise InputError(f"A label's name has at most {limits.MAX_MODEL_NAME_CHARS} characters.")
        inside, background = (_points(request.get(name) or [], name) for name in ("foreground", BACKGROUND))
        if len(inside) or located:
            named[label] = np.concatenate([inside, named.get(label, NO_POINTS)])
        said = {name: points for name, points in named.items() if len(points) or (located and name == label)}
        if not said and len(background):
            said = {label: NO_POINTS}
        if len(said) > MAX_LABELS:
            raise LimitError(f"A label image holds {MAX_LABELS} labels; send fewer at a time.")
        return tuple(
            Clicks(name, points, background, np.concatenate([NO_POINTS, *(p for other, p in said.items() if other != name)]))
            for name, points in said.items()
        )


class ClickWork(SegmentWork):
    """One request: a label after the other, so that others' clicks go between them."""

    def __init__(
        self,
        engine: Engine,
        case: OpenCase,
        request: dict[str, Any],
        drawn: DrawnSegments,
        clicks: tuple[Clicks, ...],
        *,
        box: NDArray[np.float64],
        in_ras_mm: bool,
    ) -> None:
        super().__init__(request)
        self._engine, self._case, self._drawn = engine, case, drawn
        self._client = str(request.get("client_id") or "")[: limits.MAX_CLIENT_NAME_CHARS]
        self._held: Held | None = None
        self._clicks, self._box, self._in_ras_mm = clicks, box, in_ras_mm
        self._steps: Iterator[None] | None = None

    def encoded(self) -> bool:
        """Whether the case is open."""
        self._held = self._case.known(self._path)
        return self._held is not None

    def encode(self, pause: Pause) -> None:
        """Read and encode the case."""
        self._held = self._case.open(self._path, private=self._private, pause=pause)

    def answer_some(self) -> bool:
        """The next label; True when all are drawn."""
        if self._steps is None:
            self._steps = self._answered()
        return next(self._steps, "all") == "all"

    def _answered(self) -> Iterator[None]:
        held, file = self._held or self._case.open(self._path, private=self._private, pause=no_pause), signature(self._path)
        volume, found = held.volume, []
        for clicks in self._clicks:
            segment = self._segment(held, clicks, Drawing(file, self._client, clicks.label))
            found += [] if segment is None else [segment]
            self.found = Segmentation(volume.shape, volume.affine, tuple(found))
            yield

    def _segment(self, held: Held, clicks: Clicks, drawing: Drawing) -> Segment | None:
        """The label's segment as it now is; None while nothing says where it is, or where nothing is there."""
        inside, outside, foreign = (
            self._in_world(points, held.volume.affine) for points in (clicks.inside, clicks.outside, clicks.foreign)
        )
        box = None
        if len(self._box):
            low, high = self._in_world(self._box[0].T, held.volume.affine)
            box = low, high
        before = self._drawn.find(drawing)
        if before is not None:
            asked, drawn = before
            # A click for another label changes this one only where it lies in what is drawn.
            disputed = (point for point in foreign if point in asked.exclude or _lies_in(point, drawn, held.volume))
            now = Prompt(include=inside, exclude=(*outside, *disputed), box=box, previous=drawn)
            if says_the_same(asked, now):
                return drawn
            if continues(asked, now):
                return self._draw(held, now, drawing)
        if not inside and box is None:
            self._drawn.forget(drawing)
            return None
        return self._draw(held, Prompt(include=inside, exclude=(*outside, *foreign), box=box), drawing)

    def _draw(self, held: Held, prompt: Prompt, drawing: Drawing) -> Segment | None:
        name, kind = drawing.label, label_type(drawing.label, 1)  # a stock client gives labels colours of its own
        segment = self._engine.segment_prompted(held.volume, held.features, prompt, name=name, kind=kind)
        if segment is None:
            self._drawn.forget(drawing)
        else:
            self._drawn.keep(drawing, replace(prompt, previous=None), segment)
        return segment

    def _in_world(self, points: Points, affine: Affine) -> tuple[Point, ...]:
        world = points if self._in_ras_mm else apply_affine(affine, points)
        return tuple((float(r), float(a), float(s)) for r, a, s in world)


def _lies_in(point: Point, segment: Segment, volume: Volume) -> bool:
    voxel = np.rint(volume.voxel_from_world(np.asarray(point))).astype(int) - segment.start_ijk
    return bool((voxel >= 0).all() and (voxel < segment.mask.shape).all() and segment.mask[tuple(voxel)])


def _points(value: Any, name: str) -> Points:
    if not isinstance(value, list):
        raise InputError(f"{name} is a list of points.")
    if len(value) > limits.MAX_PROMPT_POINTS:
        raise LimitError(f"{name} is a list of at most {limits.MAX_PROMPT_POINTS} points.")
    try:
        points = np.array(value, dtype=np.float64).reshape(-1, 3)
    except (TypeError, ValueError) as error:
        raise InputError(f"A point of {name} is three numbers.") from error
    if not np.isfinite(points).all():
        raise InputError(f"A point of {name} is three numbers.")
    return points
