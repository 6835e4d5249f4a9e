"""Regions of heat, found on another thread: how large one is, and its cut on the CT's own voxels, which becomes a segment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.review import ReviewedSentence

from .background import Background
from .cases import case_source
from .colours import region_colour
from .events import Event
from .heat_maps import HeatMap
from .i18n import _
from .segments import Island, add_segment, island, segment_mask, terminology_entry, type_meaning
from .volume_nodes import Affine, Point, SourceImage, from_world

Cut = tuple[NDArray[np.bool_], Affine]


@dataclass(frozen=True)
class Measured:
    """millilitres: of the region of the sentence at `index`; None when it is cold there."""

    index: int
    millilitres: float | None


@dataclass(frozen=True, eq=False)
class Place:
    """Where to look for a region. share: of the peak at which it is cut. cursor_ras_mm: in the CT's frame; None is the peak."""

    heat: HeatMap
    share: float
    cursor_ras_mm: Point | None

    def island(self) -> Island | None:
        """The region, or None when it is cold there."""
        return island(self.heat, self.share, self.cursor_ras_mm)

    def cut(self, image: SourceImage) -> Cut | None:
        """The region's mask on the CT's voxels and that mask's affine. ValueError outside the CT."""
        found = self.island()
        return None if found is None else segment_mask(self.heat, self.share, found, image.affine_ras_mm, image.shape)


def place(heat: HeatMap, share: float, volume: Any, cursor_world_mm: Point | None) -> Place:
    """Taken on the GUI thread: the cursor goes into the volume's own frame."""
    return Place(heat, share, None if cursor_world_mm is None else from_world(volume, cursor_world_mm))


class Regions:
    """Measures and makes without waiting. Methods are for the GUI thread; `measured` and `made` hold what came last."""

    def __init__(
        self, scene: Any, background: Background, tell: Callable[[Event], None], failed: Callable[[Exception], None]
    ) -> None:
        self.measured: Measured | None = None
        self.made: tuple[Any, str] | None = None
        self._scene, self._background, self._tell, self._failed = scene, background, tell, failed

    def forget(self) -> None:
        """Another review begins."""
        self._background.cancel("region")
        self.measured, self.made = None, None

    def measure(self, index: int, where: Place) -> None:
        """How large the region of the sentence at `index` is; ends in the event "region"."""

        def measured(found: Island | None) -> None:
            self.measured = Measured(index, None if found is None else found.millilitres)
            self._tell(Event("region"))

        self._background.start(lambda _work: where.island(), done=measured, failed=self._failed, key="region")

    def make(self, index: int, sentence: ReviewedSentence, where: Place, volume: Any) -> None:
        """A segment with a name, a colour and DICOM codes; ends in the event "segment"."""
        try:
            image = case_source(volume).image
        except ValueError as error:
            self._failed(error)
            return

        def cut(found: Cut | None) -> None:
            self.made = None
            if found is None or volume.GetScene() is not self._scene:
                self._tell(Event("segment", _("The region is cold there.")))
                return
            mask, affine = found
            entry = terminology_entry(sentence.text, sentence.answer.laterality)
            colour = region_colour(index)
            words = {"name": sentence.text, "terminology": entry, "label": type_meaning(entry)}
            self.made = add_segment(self._scene, volume, mask, affine, colour=colour, **words)
            self._tell(Event("segment", _("The segment stands in ASAP segments.")))

        self._background.start(lambda _work: where.cut(image), done=cut, failed=self._failed, key="segment")
