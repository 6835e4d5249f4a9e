"""What makes up a kind of job: the JSON it is asked with, the JSON it answers with, and the work between."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from asap.inference.course import Progress
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.pause import Pause
from asap.volume import Volume
from monailabel_app.server.revisions import Revisions
from monailabel_app.server.schemas import Asked

Lane = Literal["image", "text"]
Steps = Generator[None, None, dict[str, Any]]


@dataclass(frozen=True)
class ImageCase:
    """A case as far as its image, and how work on it tells its progress and gives way.

    volume: the voxels; reading them takes seconds the first time. series: folder of the DICOM series, None where the case is none
    the server holds as such. revisions: masks its lesions had. progress: a stage and its share, 0 to 1.
    pause: to be called every quarter of a second of work or oftener; lets waiting sentences go first, and raises Cancelled.
    """

    volume: Callable[[], Volume]
    series: Callable[[], Path | None]
    revisions: Revisions
    progress: Progress
    pause: Pause


@dataclass(frozen=True)
class Case(ImageCase):
    """What an answer is made from.

    features: of the encoding that was asked for. encode_s: seconds it took; 0 when it was there already.
    """

    engine: Engine
    features: StudyFeatures
    encode_s: float


# Yields where another job may have its turn; returns the fields of the result but task, study, model and notice.
Answer = Callable[[Case], Steps]
ImageAnswer = Callable[[ImageCase], Steps]  # that of a network of its own, which needs no encoding


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    request, result: its JSON. prepare: reads a request while its client waits; raises InputError or ServiceError when nothing
    can be made of it. lane: "text" for answers of less than a second; "image" for heavier work, which lets those go first; or
    which of both a request is for.
    """

    request: type[Asked]
    result: type[Any]
    prepare: Callable[[Any], Answer]
    lane: Lane | Callable[[Any], Lane] = "text"

    def lane_of(self, request: Asked) -> Lane:
        """The lane of a request that `prepare` has read."""
        return self.lane(request) if callable(self.lane) else self.lane
