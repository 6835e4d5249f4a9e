"""Showing sentences: the current one as heat, all that are shown as outlines, the jump; and which sentences speak of a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asap.review import Review, ReviewedSentence

from . import volume_nodes
from .colours import OUTLINE_COLOUR, region_colour
from .heat_maps import HeatMap, heat_map
from .heatmap_display import HeatmapDisplay, Outline
from .parameters import Parameters
from .volume_nodes import Point


class SentenceView:
    """What the slice views show of a review. All methods are for the GUI thread; none of them needs a server."""

    def __init__(self, scene: Any, parameters: Parameters) -> None:
        self.display = HeatmapDisplay(scene)
        self.shown: tuple[int, ...] = ()
        self._parameters = parameters
        self._maps: dict[int, tuple[ReviewedSentence, HeatMap]] = {}

    def map_of(self, review: Review, index: int) -> HeatMap | None:
        """A sentence's map, or None when it has none."""
        sentence = review.sentences[index]
        if sentence.answer.map is None:
            return None
        known = self._maps.get(index)
        if known is None or known[0].answer is not sentence.answer:
            known = self._maps[index] = (sentence, heat_map(sentence.answer.map, sentence.answer.fine_map))
        return known[1]

    def share(self, heat: HeatMap) -> float:
        """The share of the peak at which this map is cut now."""
        chosen = self._parameters.threshold
        return heat.threshold_share if chosen is None else chosen

    def show(self, review: Review, indices: Sequence[int], volume: Any, *, jump: bool = True) -> bool:
        """Show sentences together; the last one is drawn as heat and jumped to. False when none of them has a map."""
        maps = {index: heat for index in indices if (heat := self.map_of(review, index)) is not None}
        if not maps or volume is None or volume.GetScene() is None:
            self.clear()
            return False
        self.shown = tuple(maps)
        current, heat = list(maps.items())[-1]
        parameters = self._parameters
        self.display.show(heat, volume, share=self.share(heat), opacity=parameters.opacity, legend=parameters.legend)
        self._outline(review, maps, volume)
        peak = review.sentences[current].answer.peak_ras_mm
        if jump and peak is not None:
            self.display.jump(volume, peak)
        return True

    def redraw(self, review: Review, volume: Any) -> None:
        """Apply changed display settings to what is shown."""
        if not self.shown or volume is None:
            return
        maps = {index: heat for index in self.shown if (heat := self.map_of(review, index)) is not None}
        heat = list(maps.values())[-1]
        self.display.set_threshold(heat, self.share(heat))
        self.display.set_opacity(self._parameters.opacity)
        self.display.set_legend(self._parameters.legend)
        self._outline(review, maps, volume)

    def follow(self, before: Review | None, after: Review) -> None:
        """Clear when another sentence stands where a shown one stood: its place is not this map's."""
        if before is not None and any(_words(before, index) != _words(after, index) for index in self.shown):
            self.clear()

    def clear(self) -> None:
        """Take the overlay away; the slice views get back what they had."""
        self.display.hide()
        self.shown = ()

    def forget(self) -> None:
        """Another review begins."""
        self._maps.clear()
        self.shown = ()

    def sentences_at(self, review: Review, volume: Any, world_ras_mm: Point) -> list[tuple[int, float]]:
        """Sentences that speak of a place in the world: (index, heat there as a share of the map's peak), warmest first."""
        place = volume_nodes.from_world(volume, world_ras_mm)
        warm = []
        for index in range(len(review.sentences)):
            heat = self.map_of(review, index)
            share = heat.at(place) / heat.peak if heat is not None and heat.peak > 0 else 0.0
            if heat is not None and 0 < heat.threshold_share <= share:
                warm.append((index, share))
        return sorted(warm, key=lambda one: -one[1])

    def _outline(self, review: Review, maps: dict[int, HeatMap], volume: Any) -> None:
        alone = len(maps) == 1
        outlines = [
            Outline(review.sentences[index].text, heat, self.share(heat), OUTLINE_COLOUR if alone else region_colour(index))
            for index, heat in maps.items()
        ]
        self.display.outline(outlines if self._parameters.outline or len(outlines) > 1 else [], volume)


def _words(review: Review, index: int) -> str | None:
    return review.sentences[index].text if index < len(review.sentences) else None
